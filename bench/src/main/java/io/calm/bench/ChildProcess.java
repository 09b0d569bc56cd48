package io.calm.bench;

import java.util.concurrent.TimeUnit;

/** The end of the processes that a benchmark starts. */
final class ChildProcess {
  private static final int END_SECONDS = 10;

  private ChildProcess() {}

  /** Waits some seconds until a process ends whose input is closed, then ends it by force. */
  static void end(Process process) {
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
