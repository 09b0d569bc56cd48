package io.calm.cli.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelRecipeTest {
  private static final String GOOD =
      """
      {"name": "tiny", "license": "Apache-2.0",
       "wheel": {"package": "tiny-pkg", "version": "1.0", "sha256": "%1$s"},
       "file": {"path": "tiny/model.gguf", "bytes": 7, "sha256": "%1$s"}}
      """
          .formatted("ab".repeat(32));

  @TempDir Path directory;

  @Test
  void everyKeyIsRead() throws Exception {
    String hash = "ab".repeat(32);
    assertEquals(
        new ModelRecipe(
            "tiny",
            "Apache-2.0",
            new ModelRecipe.Wheel("tiny-pkg", "1.0", hash),
            new ModelRecipe.Entry("tiny/model.gguf", 7, hash)),
        read(GOOD));
  }

  @ParameterizedTest
  @CsvSource({
    "tiny-pkg, --index-url, wheel.package",
    "1.0, '1.0 --pre', wheel.version",
    "abab, ABAB, wheel.sha256",
    "tiny/model.gguf, tiny/.., file.path",
    "'7,', '0,', file.bytes",
    "license, licence, license is missing",
    "version, release, wheel.version is missing",
    "path, paths, file.path is missing",
    "'{\"name\"', '\"name\"', recipe.json"
  })
  void aBadKeyIsRefusedByName(String good, String bad, String named) {
    String text = GOOD.replaceFirst(Pattern.quote(good), bad);
    RecipeException refused = assertThrows(RecipeException.class, () -> read(text));
    assertTrue(refused.getMessage().contains(named), refused.getMessage());
    assertTrue(refused.getMessage().contains("recipe.json"), refused.getMessage());
  }

  @Test
  void anEmptyFileIsRefused() {
    assertThrows(RecipeException.class, () -> read(""));
  }

  @Test
  void aDirectoryOfTheRepositoryIsServedUnderItsName() throws Exception {
    Path tiny = Repository.path("models/calm-tiny-llama");
    assertEquals(new ModelSource("calm-tiny-llama", tiny, tiny), resolve(tiny));
  }

  @Test
  void aGgufIsServedUnderItsNameWithoutTheEnding() throws Exception {
    Path file = Files.createFile(directory.resolve("My Model Q4.GGUF"));
    assertEquals("My_Model_Q4", resolve(file).name());
  }

  @Test
  void aMissingPathIsRefused() {
    RecipeException refused =
        assertThrows(RecipeException.class, () -> resolve(directory.resolve("none")));
    assertTrue(refused.getMessage().contains("no such file"), refused.getMessage());
  }

  private ModelRecipe read(String text) throws Exception {
    Files.writeString(directory.resolve(ModelRecipe.FILE), text);
    return ModelRecipe.read(directory);
  }

  private ModelSource resolve(Path path) throws InterruptedException {
    PipDownload none = new PipDownload(List.of(), Duration.ofSeconds(1), line -> {});
    return ModelSource.resolve(path, () -> new RecipeFetcher(directory, none, line -> {}));
  }
}
