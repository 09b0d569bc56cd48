package io.calm.serving.reply;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * A thread that builds large answers and streams that begin with a large prompt, so that no
 * scheduler waits for them. One piece at a time is built, in the order of the calls, because its
 * text takes several times the memory of its values.
 */
final class AnswerWriter {
  private static final int IDLE_SECONDS = 30;
  private static final ThreadPoolExecutor THREAD = thread();

  private AnswerWriter() {}

  private static ThreadPoolExecutor thread() {
    ThreadPoolExecutor pool =
        new ThreadPoolExecutor(
            1,
            1,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(), // no more than the tokens of sequences that can run
            task -> {
              Thread thread = new Thread(task, "calm-answers");
              thread.setDaemon(true);
              return thread;
            });
    pool.allowCoreThreadTimeOut(true);
    return pool;
  }

  static void execute(Runnable task) {
    THREAD.execute(task);
  }
}
