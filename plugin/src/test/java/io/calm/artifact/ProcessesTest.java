package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.JavaProcess;
import io.calm.testing.Poll;
import io.calm.testing.Seeds;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several processes, and processes that are killed. */
final class ProcessesTest {
  private final Path cacheDir;

  ProcessesTest(@TempDir Path cacheDir) {
    this.cacheDir = cacheDir;
  }

  /** Starts an {@link ArtifactChild}, which waits for a line before it makes the artifact. */
  private JavaProcess start(String pause) throws Exception {
    JavaProcess child =
        JavaProcess.of(ArtifactChild.class, cacheDir.toString(), pause)
            .flags("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
            .start();
    assertEquals("ready", child.line());
    return child;
  }

  /** Returns the last line of a process when it has ended. */
  private static String result(JavaProcess child) throws Exception {
    JavaProcess.Result result = child.await();
    assertEquals(0, result.status(), result::toString);
    return result.output().lines().reduce("", (before, line) -> line);
  }

  @Test
  void twoProcessesMakeOneArtifact() throws Exception {
    try (JavaProcess first = start("20");
        JavaProcess second = start("20")) {
      first.send();
      second.send();
      String one = result(first);
      String two = result(second);
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
    try (JavaProcess writer = start(ArtifactChild.HELD);
        JavaProcess waiter = start("0")) {
      writer.send();
      assertEquals("begun", writer.line());
      waiter.send();
      String expected = "waiting for process " + writer.process().pid() + ", since ";
      Poll.until(
          "the waiter names the writer",
          () -> waiter.errors().contains(expected) || !waiter.process().isAlive());
      writer.send();
      assertTrue(result(writer).startsWith("wrote "));
      assertTrue(result(waiter).startsWith("found "));
      assertEquals(
          1,
          waiter.errors().lines().filter(line -> line.contains(expected)).count(),
          waiter::errors);
      assertFalse(writer.errors().contains("waiting for process"), writer::errors);
    }
  }

  @Test
  void aKilledWriterLeavesNothingOrAll() throws Exception {
    long seed = Seeds.next();
    Random random = new Random(seed);
    ArtifactStore store = new ArtifactStore(cacheDir);
    for (int trial = 0; trial < 6; trial++) {
      int lines = random.nextInt(ArtifactChild.LAYERS + 2);
      String where = "seed %d: killed after %d lines".formatted(seed, lines);
      try (JavaProcess child = start(Integer.toString(random.nextInt(3)))) {
        child.send();
        for (int i = 0; i < lines; i++) {
          assertFalse(child.line().isEmpty(), where);
        }
        Thread.sleep(random.nextInt(10));
      } // kills it
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
