package io.calm.serving.reply;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * A thread that builds large answers and streams that begin with a large prompt, so that no
 * scheduler waits for them. One piece at a time is built, in the order of the calls, because its
 * text takes several times the memory of its values.
 */
final class AnswerWriter {
  static final AnswerWriter PROCESS = new AnswerWriter(AnswerWriter::daemon);

  private final ThreadPoolExecutor thread;

  AnswerWriter(ThreadFactory threads) {
    // The thread never ends: two in turn could change the order of the pieces. The queue is no
    // longer than the tokens of sequences that can run.
    thread =
        new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), threads);
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "calm-answers");
    thread.setDaemon(true);
    return thread;
  }

  /**
   * Runs a task on the thread, or here if there is none and the system does not start one; then no
   * other task waits.
   *
   * @param task throws nothing
   */
  void execute(Runnable task) {
    try {
      thread.prestartCoreThread();
    } catch (OutOfMemoryError e) {
      if (thread.getPoolSize() == 0) {
        task.run();
        return;
      }
    }
    thread.execute(task);
  }
}
