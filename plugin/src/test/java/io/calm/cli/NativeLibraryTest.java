package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.JavaProcess;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A directory that DJL cannot unpack its native libraries into, as on a full disk. */
class NativeLibraryTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");

  @TempDir Path directory;

  /** Runs a command in a process of its own, since DJL loads a library once; returns its errors. */
  private String run(String... arguments) throws IOException, InterruptedException {
    Path file = Files.writeString(directory.resolve("file"), "");
    JavaProcess.Result result =
        JavaProcess.of(Main.class, arguments)
            .flags("-DENGINE_CACHE_DIR=" + file.resolve("native"))
            .run();
    assertEquals(1, result.status(), result::toString);
    return result.errors().strip().lines().reduce("", (before, line) -> line);
  }

  @Test
  void theMessageOfACommandHasTheDirectoryAndARemedy() throws Exception {
    String last = run("tokenize", TINY.toString(), "--text", "a");
    assertTrue(
        last.startsWith("calm: DJL's native library of tokenizers cannot be loaded: "), last);
    assertTrue(last.contains("below " + directory.resolve("file/native") + ", "), last);
    assertTrue(last.contains("DJL_CACHE_DIR"), last);
  }

  @Test
  void aServerRefusesTheModelBeforeItIsQuantized() throws Exception {
    Path cache = directory.resolve("cache");
    String last =
        run(
            "serve",
            TINY.toString(),
            "--port",
            "0",
            "-s",
            "calm.algorithm=rtn",
            "-s",
            "calm.tokenizer-probe=on",
            "-s",
            "calm.cache-dir=" + cache);
    assertTrue(
        last.startsWith("calm: DJL's native library of tokenizers cannot be loaded: "), last);
    try (var files = Files.walk(cache)) {
      assertEquals(0, files.filter(file -> file.endsWith("plan.json")).count());
    }
  }
}
