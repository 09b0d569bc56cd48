package io.calm.loadtest.trial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.calm.loadtest.ScriptedServer;
import java.io.File;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The classes with the class path that {@code ./calm loadtest} reads, as a process of its own. */
class MainIT {
  private static final long LIMIT_SECONDS = 120;

  @TempDir private Path directory;

  /**
   * Gatling before 3.14 always hung on one processor: its start waited for work on the same thread.
   */
  @Test
  void loadsAServerOnOneProcessor() throws Exception {
    Path target = Path.of("target");
    String libraries = Files.readString(target.resolve("classpath"));
    Path log = directory.resolve("out.txt");
    int exit;
    try (ScriptedServer server = ScriptedServer.start(Integer.MAX_VALUE)) {
      ProcessBuilder builder =
          new ProcessBuilder(
                  List.of(
                      Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                      "-cp",
                      target.resolve("classes") + File.pathSeparator + libraries,
                      Main.class.getName(),
                      "one=" + server.url(),
                      "--users=1",
                      "--seconds=1",
                      "--rates=2",
                      "--soak=1",
                      "--words=2..5",
                      "--tokens=5..20",
                      "--out=" + directory))
              .redirectErrorStream(true)
              .redirectOutput(Redirect.to(log.toFile()));
      builder.environment().put("JDK_JAVA_OPTIONS", "-XX:ActiveProcessorCount=1"); // Gatling's too
      Process process = builder.start();
      try {
        boolean ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
        if (!ended) {
          fail("no end within " + LIMIT_SECONDS + " s:\n" + Files.readString(log));
        }
      } finally {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
      }
      exit = process.exitValue();
    }
    assertEquals(0, exit, Files.readString(log));
    assertTrue(Files.readString(log).contains("one: soak, 1 s: "), Files.readString(log));
    String summary = Files.readString(directory.resolve("summary.json"));
    assertTrue(summary.contains("\"soak\""), summary);
  }
}
