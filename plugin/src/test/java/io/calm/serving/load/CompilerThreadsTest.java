package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompilerThreadsTest {
  @TempDir Path tasks;

  private void task(String id, String comm, String state, String schedstat) throws IOException {
    Path task = Files.createDirectories(tasks.resolve(id));
    Files.writeString(task.resolve("comm"), comm + "\n");
    Files.writeString(task.resolve("stat"), "%s (%s) %s 1 1 1\n".formatted(id, comm, state));
    Files.writeString(task.resolve("schedstat"), schedstat);
  }

  private static void remove(Path task) throws IOException {
    for (String file : new String[] {"comm", "stat", "schedstat"}) {
      Files.delete(task.resolve(file));
    }
    Files.delete(task);
  }

  @Test
  void aRunningCompilerThreadIsSeen() throws IOException {
    task("11", "java", "R", "1 2 3\n");
    task("12", "C2 CompilerThre", "S", "1000000000000000 5 3\n");
    CompilerThreads threads = CompilerThreads.of(tasks);
    assertFalse(threads.look().running(), "the thread of another kind does not count");

    task("12", "C2 CompilerThre", "R", "1000000000000000 5 3\n");
    assertTrue(threads.look().running());
  }

  @Test
  void theTimeOnProcessorsIsWork() throws IOException {
    task("12", "C1 CompilerThre", "S", "1000000000000000 5 3\n");
    CompilerThreads threads = CompilerThreads.of(tasks);
    long before = threads.look().work();
    task("12", "C1 CompilerThre", "S", "3000000000000000 5 4\n");
    long after = threads.look().work();
    assertEquals(2.0, (after - before) / 1e15, 0.1, "beside that of this JVM, in ms");
  }

  @Test
  void threadsComeAndGoAndMayShowNothing() throws IOException {
    CompilerThreads threads = CompilerThreads.of(tasks);
    assertFalse(threads.look().running());
    task("12", "C2 CompilerThre", "R", "");
    assertTrue(threads.look().running());
    remove(tasks.resolve("12"));
    assertFalse(threads.look().running());
    assertFalse(CompilerThreads.of(tasks.resolve("missing")).look().running(), "not Linux");
  }
}
