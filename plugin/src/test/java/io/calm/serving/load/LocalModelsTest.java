package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.model.LmiOptions;
import io.calm.serving.reply.ApiException;
import io.calm.settings.CalmSettings;
import io.calm.settings.SettingsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LocalModelsTest {
  @TempDir Path directory;

  private final LocalModels models = new LocalModels(Map.of("OPTION_CALM_MAX_RUNNING", "3"));

  @ParameterizedTest
  @CsvSource({
    "/models/smollm2.gguf, smollm2",
    "/models/SmolLM2-135M.Q8_0.gguf, SmolLM2_135M_Q8_0",
    "file:///models/tiny.llama/, tiny_llama",
    "models/calm-tiny-llama, calm_tiny_llama",
    "/models/_x, _x",
    "file:///models/m?x=/y, m",
    "https://host/a@b, a_b",
  })
  void aModelWithoutANameIsNamedAsDjlServingNamesIt(String url, String name) {
    assertEquals(name, LocalModels.name(url));
  }

  /** The name is in logs, labels of metrics and JSON. */
  @ParameterizedTest
  @CsvSource({
    "https://user:secret@host, host",
    "https://user:secret@host/, host",
    "https://secret@host, host",
    "https://user:x/secret@host, host",
    "https://user:x?secret@host, host",
    "https://user:x#secret@host, host",
    "user:secret@host, host",
    "https://user:secret@host/m.gguf?token=secret, m",
    "https://host?token=/secret, host",
    "https://host/m?a=b@secret/secret, m",
    "file://user:secret@host, host",
  })
  void aNameHasNothingOfAPasswordOrAQuery(String url, String name) {
    assertEquals(name, LocalModels.name(url));
  }

  @Test
  void filesEnvironmentAndRequestAreReadAndTheRequestWins() throws Exception {
    Path weights = Files.createFile(directory.resolve("weights.gguf"));
    Files.writeString(
        directory.resolve("model.properties"),
        "option.model_id=weights.gguf\ncalm.group=64\njob_queue_size=5\noption.tgi_compat=true\n");
    ModelLoader.Order order =
        models.find("m", directory.toUri().toString(), Map.of("job_queue_size", "7"));
    assertEquals(weights, order.checkpoint());
    assertEquals(64, order.settings().quantization().group().orElseThrow());
    assertEquals(7, order.settings().generation().queueSize());
    assertEquals(3, order.settings().generation().maxRunning());
    assertEquals(new LmiOptions(false, true), order.lmi());
    assertEquals(weights, models.find("m", weights.toString(), Map.of()).checkpoint());
  }

  @Test
  void aFileOfAnotherMachineIsRefused() {
    String path = directory.toUri().getPath();
    for (String url : List.of("file:" + path, "file://" + path, "file://LOCALHOST" + path)) {
      assertEquals(directory, LocalModels.path(url));
    }
    ApiException refused =
        assertThrows(ApiException.class, () -> LocalModels.path("file://user:secret@host" + path));
    String message = String.valueOf(refused.getMessage());
    assertTrue(
        message.startsWith("url: expected a file of this machine, got file://***@host/"), message);
    assertThrows(ApiException.class, () -> LocalModels.path("file://ho_st" + path));
  }

  @Test
  void userAndPasswordOfAUrlAreShownNowhere() {
    for (String url :
        List.of(
            "https://user:secret@host/m.gguf",
            "https://user:secret@host/a b.gguf",
            "https://user:secret@host/m.gguf?token=secret",
            "https://user:secret@host/m.gguf?token=a secret")) {
      ApiException refused = assertThrows(ApiException.class, () -> LocalModels.path(url));
      String message = String.valueOf(refused.getMessage());
      assertTrue(message.contains("https://***@host/"), message);
      assertFalse(message.contains("secret"), message);
      ModelLoader.Order order =
          new ModelLoader.Order(
              "m", url, directory, CalmSettings.of(Map.of(), Map.of()), LmiOptions.DEFAULT, true);
      assertFalse(order.toString().contains("secret"), order.toString());
    }
  }

  @Test
  void settingsOfTheServerCountWhereAModelAndItsRegistrationHaveNone() throws Exception {
    Files.createFile(directory.resolve("weights.gguf"));
    Files.writeString(
        directory.resolve("model.properties"),
        "option.model_id=weights.gguf\noption.calm_group=64\n");
    LocalModels served =
        new LocalModels(
            Map.of("OPTION_CALM_MAX_RUNNING", "3"),
            Map.of(
                "calm.group", "128",
                "calm.max-running", "5",
                "calm.queue-size", "9",
                "calm.cache-dir", directory.toString(),
                "option.model_id", "of-another-model.gguf"));
    String url = directory.toString();
    ModelLoader.Order order = served.find("m", url, Map.of());
    assertEquals(directory.resolve("weights.gguf"), order.checkpoint());
    assertEquals(64, order.settings().quantization().group().orElseThrow(), "the model's own");
    assertEquals(5, order.settings().generation().maxRunning(), "before the environment");
    assertEquals(9, order.settings().generation().queueSize());
    assertEquals(directory, order.settings().loading().cacheDir());
    ModelLoader.Order asked = served.find("m", url, Map.of("job_queue_size", "7"));
    assertEquals(7, asked.settings().generation().queueSize(), "the registration's");
  }

  @ParameterizedTest
  @CsvSource({
    "calm.cache-dir, /etc, OPTION_CALM_CACHE_DIR",
    "option.calm_cache_dir, /etc, OPTION_CALM_CACHE_DIR",
    "calm.tokenizer-probe, off, OPTION_CALM_TOKENIZER_PROBE",
    "option.calm_tokenizer_probe, off, OPTION_CALM_TOKENIZER_PROBE",
  })
  void keysOfTheServerAreRefusedWithARegisteredModel(String key, String value, String variable)
      throws Exception {
    Path weights = Files.createFile(directory.resolve("weights.gguf"));
    String url = weights.toString();
    String ofRequest =
        assertThrows(SettingsException.class, () -> models.find("m", url, Map.of(key, value)))
            .getMessage();
    Files.writeString(directory.resolve("model.properties"), key + "=" + value + "\n");
    String ofFile =
        assertThrows(SettingsException.class, () -> models.find("m", url, Map.of())).getMessage();
    for (String message : List.of(ofRequest, ofFile)) {
      assertTrue(message.contains(key + ": expected it in the server's environment"), message);
      assertTrue(message.contains(variable), message);
    }
  }

  @Test
  void whatIsNotThereOrNotRightIsNamed() throws Exception {
    Files.writeString(directory.resolve("model.properties"), "option.model_id=hub/model\n");
    ApiException missing =
        assertThrows(ApiException.class, () -> models.find("m", directory.toString(), Map.of()));
    assertEquals(404, missing.kind().status());
    assertTrue(missing.getMessage().startsWith("option.model_id: expected"), missing.getMessage());
    Files.writeString(directory.resolve("model.properties"), "calm.grop=64\n");
    assertThrows(SettingsException.class, () -> models.find("m", directory.toString(), Map.of()));
    assertEquals(
        400,
        assertThrows(ApiException.class, () -> LocalModels.path("file://%zz")).kind().status());
    assertEquals(
        400,
        assertThrows(ApiException.class, () -> LocalModels.path("https://host/m")).kind().status());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "file:///tmp/with space/m; illegal character in path at index 16; %20",
        "file:/tmp/a[1]; illegal character in path at index 11; %20",
        "FILE:///tmp/%zz; malformed escape pair at index 12; %20",
        "file:///tmp/a%00b; nul character not allowed; %20",
      })
  void aFileUrlThatIsNotOneSaysWhy(String url, String reason, String remedy) {
    ApiException refused = assertThrows(ApiException.class, () -> LocalModels.path(url));
    assertEquals(400, refused.kind().status());
    String message = refused.getMessage();
    assertTrue(message.startsWith("url: " + url + " is not a valid file: URL: " + reason), message);
    assertTrue(message.contains(remedy), message);
  }

  @Test
  void aPathMayHaveSpacesAndAUrlEscapesThem() throws Exception {
    Path spaced = Files.createDirectory(directory.resolve("with space"));
    assertEquals(spaced, LocalModels.path(spaced.toString()));
    assertEquals(spaced, LocalModels.path("file://" + directory + "/with%20space"));
  }

  @Test
  void hostileUrlsAndFailuresArePrintable() {
    String hostile = "\u001b[31m\nINFO forged";
    for (String url : List.of("http://" + hostile, "/" + hostile, "a:b\0" + hostile)) {
      String message = assertThrows(ApiException.class, () -> LocalModels.path(url)).getMessage();
      assertTrue(message.contains("\\u001b[31m\\nINFO forged"), message);
      assertTrue(message.indexOf('\u001b') < 0 && message.indexOf('\n') < 0);
    }
    String failed =
        LoadErrors.of(new IllegalArgumentException(hostile + "x".repeat(1 << 20))).getMessage();
    assertTrue(failed.startsWith("\\u001b[31m\\nINFO forged") && failed.length() < 2100);
  }
}
