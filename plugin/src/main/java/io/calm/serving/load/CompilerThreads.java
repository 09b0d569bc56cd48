package io.calm.serving.load;

import java.io.IOException;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The compiler threads of the JVM. It reports only compilations that have ended, so a method that
 * compiles for long is seen by its thread: Linux tells whether it is running or waits for a
 * processor, and for how long it has run. Elsewhere such a method is not seen before it ends. Not
 * thread safe.
 */
final class CompilerThreads implements JitQueue.Compiler {
  private static final Path TASKS = Path.of("/proc/self/task");

  /** A part of the names of the threads, which Linux cuts to 15 characters. */
  private static final String NAME = "CompilerThre";

  private final CompilationMXBean bean;
  private final Path tasks;

  /**
   * Whether each known task is a compiler thread. The JVM starts and ends them as it needs them.
   */
  private Map<Path, Boolean> known = new HashMap<>();

  private CompilerThreads(CompilationMXBean bean, Path tasks) {
    this.bean = bean;
    this.tasks = tasks;
  }

  /** Returns the threads of this JVM; empty if it has no compiler or does not report it. */
  static Optional<JitQueue.Compiler> ofThisJvm() {
    CompilationMXBean bean = ManagementFactory.getCompilationMXBean();
    return bean != null && bean.isCompilationTimeMonitoringSupported()
        ? Optional.of(new CompilerThreads(bean, TASKS))
        : Optional.empty();
  }

  /** Returns the threads of a directory of tasks as Linux shows it. */
  static CompilerThreads of(Path tasks) {
    return new CompilerThreads(ManagementFactory.getCompilationMXBean(), tasks);
  }

  @Override
  public JitQueue.Look look() {
    long work = bean == null ? 0 : bean.getTotalCompilationTime();
    boolean running = false;
    Map<Path, Boolean> found = new HashMap<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(tasks)) {
      for (Path task : all) {
        boolean compiles = known.computeIfAbsent(task, CompilerThreads::isCompiler);
        found.put(task, compiles);
        if (compiles) {
          running |= isRunning(task);
          work += nanoseconds(task);
        }
      }
    } catch (IOException | RuntimeException e) {
      return new JitQueue.Look(work, running); // not Linux
    }
    known = found;
    return new JitQueue.Look(work, running);
  }

  private static boolean isCompiler(Path task) {
    return read(task.resolve("comm")).contains(NAME);
  }

  /** Returns whether the thread is on a processor or waits for one, in state R. */
  private static boolean isRunning(Path task) {
    String stat = read(task.resolve("stat"));
    return stat.startsWith(" R", stat.lastIndexOf(')') + 1);
  }

  /** Returns the time on processors; 0 if the kernel does not count it. */
  private static long nanoseconds(Path task) {
    String time = read(task.resolve("schedstat")).split(" ", 2)[0];
    try {
      return Long.parseLong(time);
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  /** Returns the text of a file of a thread; empty if it has ended. */
  private static String read(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      return "";
    }
  }
}
