package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.testing.JsonFile;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The report of a tiny model, before and after it was measured. */
class ReportCommandTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();

  @TempDir Path directory;

  private CommandRun run(String command, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                command,
                TINY,
                "-s",
                "calm.cache-dir=" + directory.resolve("cache"),
                "-s",
                "calm.pool=rtn,awq",
                "-s",
                "calm.calibration.samples=4",
                "-s",
                "calm.calibration.length=48"));
    arguments.addAll(List.of(more));
    return CommandRun.of(arguments);
  }

  private JsonObject report() throws IOException {
    Path file = directory.resolve("report.json");
    CommandRun outcome = run("report", "--json", file.toString());
    assertEquals(0, outcome.status(), outcome.err());
    return JsonFile.object(file);
  }

  @Test
  void aModelWithoutAnArtifactIsNotQuantizedForItsReport() throws IOException {
    Path page = directory.resolve("report.html");
    CommandRun outcome = run("report", "--out", page.toString());
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("make one with: ./calm quantize " + TINY), outcome.err());
    assertTrue(outcome.err().contains("-s calm.pool=rtn,awq"), outcome.err());
    assertFalse(Files.exists(page));
    assertFalse(Files.exists(directory.resolve("cache").resolve("artifacts")), "a search began");
  }

  @Test
  void anOutputThatCannotBeWrittenIsRefusedFirst() {
    CommandRun outcome = run("report", "--out", directory.resolve("no/report.html").toString());
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("--out: expected a file in an existing directory"));
  }

  @Test
  void theReportHasWhatTheOtherCommandsMeasured() throws IOException {
    assertEquals(0, run("quantize").status());
    JsonObject before = report();
    assertEquals(4, before.getAsJsonArray("missing").size());
    assertEquals(0, before.getAsJsonArray("texts").size());
    assertEquals(5, before.getAsJsonArray("blocks").size());

    Path text = Files.writeString(directory.resolve("a & b.txt"), "The cat sat. ".repeat(80));
    Path scores = directory.resolve("eval.json");
    CommandRun eval =
        run(
            "eval",
            "--text",
            text.toString(),
            "--windows",
            "3",
            "--length",
            "32",
            "--kl",
            "--against",
            "rtn",
            "--json",
            scores.toString());
    assertEquals(0, eval.status(), eval.err());
    CommandRun sensitivity =
        run("sensitivity", "--blocks", "1,3", "--windows", "2", "--length", "32");
    assertEquals(0, sensitivity.status(), sensitivity.err());

    JsonObject after = report();
    JsonObject fidelity = after.getAsJsonArray("texts").get(0).getAsJsonObject();
    assertEquals("a & b.txt", fidelity.get("name").getAsString());
    assertEquals(3, fidelity.get("count").getAsInt());
    List<String> roles = new ArrayList<>();
    for (int p = 0; p < 3; p++) {
      JsonObject shown = fidelity.getAsJsonArray("precisions").get(p).getAsJsonObject();
      roles.add(shown.get("role").getAsString());
      JsonObject values = shown.getAsJsonObject("values");
      JsonObject measured = measured(JsonFile.object(scores), shown.get("variant").getAsString());
      for (String name : List.of("perplexity", "nll")) {
        assertEquals(measured.get(name), values.get(name), name);
      }
      assertEquals(p > 0 ? measured.get("kl") : null, values.get("kl"), "full precision has none");
    }
    assertEquals(List.of("reference", "served", "uniform"), roles);
    assertEquals(
        "[1,3]",
        after.getAsJsonObject("sensitivity").getAsJsonArray("blocks").asList().stream()
            .map(block -> block.getAsJsonObject().get("block"))
            .toList()
            .toString()
            .replace(" ", ""));
    assertEquals(2, after.getAsJsonArray("missing").size(), "tasks and latency");

    double phases =
        after.getAsJsonObject("search").getAsJsonObject("phases").asMap().values().stream()
            .mapToDouble(seconds -> seconds.getAsDouble())
            .sum();
    assertTrue(phases > 0, "the search kept no times");

    Map<String, String> meanings =
        after.getAsJsonArray("settings").asList().stream()
            .map(JsonElement::getAsJsonObject)
            .filter(setting -> !setting.get("resolved").isJsonNull())
            .collect(
                Collectors.toMap(
                    setting -> setting.get("key").getAsString(),
                    setting -> setting.get("resolved").getAsString()));
    assertEquals("cka-normalized", meanings.get("calm.search.metric"));
    assertEquals("block", meanings.get("calm.search.granularity"));

    JsonObject size = after.getAsJsonObject("size");
    long sum =
        size.getAsJsonObject("kinds").asMap().values().stream().mapToLong(e -> e.getAsLong()).sum();
    assertEquals(size.get("bytes").getAsLong(), sum, "the kinds are all of the artifact");
    assertTrue(size.get("bits_per_weight").getAsDouble() > 4);

    Path page = directory.resolve("report.html");
    assertEquals(0, run("report", "--out", page.toString()).status());
    assertTrue(Files.readString(page).contains("a &amp; b.txt"));
  }

  private static JsonObject measured(JsonObject eval, String variant) {
    return eval
        .getAsJsonArray("texts")
        .get(0)
        .getAsJsonObject()
        .getAsJsonArray("precisions")
        .asList()
        .stream()
        .map(precision -> precision.getAsJsonObject())
        .filter(precision -> precision.get("served").getAsString().equals(variant))
        .findFirst()
        .orElseThrow();
  }
}
