package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.model.ServedModel;
import io.calm.testing.TinyLlama;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The files of a model after its load: an open one would keep the disk space of a deleted model.
 */
@EnabledOnOs(value = OS.LINUX, disabledReason = "open files are read from /proc")
class LoadedFilesTest {
  @TempDir Path directory;

  @Test
  void aLoadedModelKeepsNoFileOfItsCheckpointOpen() throws IOException {
    Path copy = Files.createDirectory(directory.resolve("model"));
    try (Stream<Path> files = Files.list(TinyLlama.DIRECTORY)) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    ModelLoader.Order tiny = TinyLlama.rounded(directory, Map.of("calm.warm-up", "false"));
    ModelLoader.Order order =
        new ModelLoader.Order(tiny.name(), tiny.url(), copy, tiny.settings(), tiny.lmi(), false);
    try (ServedModel model = ModelLoader.load(order, step -> {})) {
      assertEquals(List.of(), open(copy));
      assertTrue(model.tokenizer().encode("a b", false).length > 0);
    }
  }

  private static List<Path> open(Path under) throws IOException {
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      return descriptors
          .map(LoadedFilesTest::target)
          .filter(target -> target.startsWith(under))
          .toList();
    }
  }

  private static Path target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor);
    } catch (IOException e) { // closed meanwhile
      return descriptor;
    }
  }
}
