package io.calm.generate;

import io.calm.testing.Latches;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;

/** Holds the scheduler at the first token until the test opens the gate. */
final class GateListener implements GenerationListener {
  private final CountDownLatch first = new CountDownLatch(1);
  private final CountDownLatch gate = new CountDownLatch(1);
  private final BlockingQueue<Finish.Reason> ends = new LinkedBlockingQueue<>();

  @Override
  public void token(GeneratedToken token) {
    first.countDown();
    Latches.await(gate);
  }

  @Override
  public void finished(Finish finish) {
    ends.add(finish.reason());
  }

  void awaitFirst() throws InterruptedException {
    first.await();
  }

  void open() {
    gate.countDown();
  }

  Finish.Reason awaitFinish() throws InterruptedException {
    return ends.take();
  }
}
