package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Several processes, and processes that are killed. */
@Timeout(180)
final class ProcessesTest {
  private final Path cacheDir;

  ProcessesTest(@TempDir Path cacheDir) {
    this.cacheDir = cacheDir;
  }

  /** A JVM that runs {@link ArtifactChild}. */
  private final class Child implements AutoCloseable {
    private final Process process;
    private final BufferedReader output;

    Child(long pause) throws IOException {
      process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:TieredStopAtLevel=1",
                  "-XX:+UseSerialGC",
                  "-cp",
                  System.getProperty("java.class.path"),
                  ArtifactChild.class.getName(),
                  cacheDir.toString(),
                  Long.toString(pause))
              .redirectError(cacheDir.resolve("errors-" + System.nanoTime()).toFile())
              .start();
      output =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      assertEquals("ready", line());
    }

    String line() throws IOException {
      String line = output.readLine();
      return line == null ? "" : line;
    }

    void go() throws IOException {
      process.getOutputStream().write('\n');
      process.getOutputStream().flush();
    }

    /** Returns the last line, when the process has ended. */
    String result() throws IOException, InterruptedException {
      String last = "";
      for (String line = line(); !line.isEmpty(); line = line()) {
        last = line;
      }
      assertEquals(0, process.waitFor(), () -> errors().toString());
      return last;
    }

    void kill() throws InterruptedException {
      process.destroyForcibly().waitFor();
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }

  private List<String> errors() {
    List<String> lines = new ArrayList<>();
    try (Stream<Path> files = Files.list(cacheDir)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        lines.addAll(Files.readAllLines(file));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return lines;
  }

  @Test
  void twoProcessesMakeOneArtifact() throws Exception {
    try (Child first = new Child(20);
        Child second = new Child(20)) {
      first.go();
      second.go();
      String one = first.result();
      String two = second.result();
      assertTrue(one.startsWith("wrote ") ^ two.startsWith("wrote "), one + " " + two);
      assertTrue(one.startsWith("found ") ^ two.startsWith("found "), one + " " + two);
      assertEquals(one.substring(6), two.substring(6));
    }
    SameModel.assertSame(
        ArtifactChild.model(),
        new ArtifactStore(cacheDir).find(ExampleModel.KEY).orElseThrow().model());
  }

  @Test
  void aProcessThatWaitsNamesTheOneThatWrites() throws Exception {
    try (Child writer = new Child(100);
        Child waiter = new Child(0)) {
      writer.go();
      assertEquals("begun", writer.line());
      waiter.go();
      assertTrue(writer.result().startsWith("wrote "));
      assertTrue(waiter.result().startsWith("found "));
      String expected = "waiting for process " + writer.process.pid() + ", since ";
      List<String> lines = errors().stream().filter(line -> line.contains(expected)).toList();
      assertEquals(1, lines.size(), () -> errors().toString());
    }
  }

  @Test
  void aKilledWriterLeavesNothingOrAll() throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    ArtifactStore store = new ArtifactStore(cacheDir);
    for (int trial = 0; trial < 6; trial++) {
      int lines = random.nextInt(ArtifactChild.LAYERS + 2);
      String where = "seed %d: killed after %d lines".formatted(seed, lines);
      try (Child child = new Child(random.nextInt(3))) {
        child.go();
        for (int i = 0; i < lines; i++) {
          assertFalse(child.line().isEmpty(), where);
        }
        Thread.sleep(random.nextInt(10));
        child.kill();
      }
      Optional<Artifact> found = store.find(ExampleModel.KEY);
      if (found.isPresent()) {
        SameModel.assertSame(ArtifactChild.model(), found.get().model());
        StoreFileSystem.LOCAL.delete(found.get().directory());
      }
    }
    SameModel.assertSame(
        ArtifactChild.model(), ExampleModel.publish(store, ArtifactChild.model()).model());
    try (Stream<Path> entries = Files.list(cacheDir.resolve("artifacts"))) {
      assertEquals(2, entries.count(), "seed " + seed + ": the artifact and its lock");
    }
  }
}
