package io.calm.serving.model;

import io.calm.kernels.NativeHeap;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Unloads a model on a thread of its own: first its requests, then its memory. */
final class Unloading implements Runnable {
  private static final Logger logger = LoggerFactory.getLogger(Unloading.class);

  /** Maximum time of a step whose sequences are cancelled. */
  private static final Duration LAST_STEP = Duration.ofSeconds(30);

  private final ServedModel model;
  private final Runnable freed;
  private final boolean ownsTokenizer;
  private final Optional<Predecessor> predecessor;

  private Unloading(
      ServedModel model, Runnable freed, boolean ownsTokenizer, Optional<Predecessor> predecessor) {
    this.model = model;
    this.freed = freed;
    this.ownsTokenizer = ownsTokenizer;
    this.predecessor = predecessor;
  }

  /**
   * Unloads a model and closes its tokenizer.
   *
   * @param predecessor the model that it has replaced, which uses the tokenizer until it is
   *     unloaded too
   */
  static void start(ServedModel model, Optional<Predecessor> predecessor, Runnable freed) {
    model.scheduler().drain();
    model.comparison().drain();
    start(new Unloading(model, freed, true, predecessor));
  }

  /**
   * Unloads a model that another one with the same tokenizer has replaced. The replacement must be
   * set already, so that a request finds one or the other open.
   */
  static void startReplaced(ServedModel model, Runnable freed) {
    model.scheduler().drain();
    model.comparison().drain();
    start(new Unloading(model, freed, false, Optional.empty()));
  }

  private static void start(Unloading unloading) {
    Thread thread = new Thread(unloading, "calm-unload-" + unloading.model.name());
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void run() {
    try {
      long start = System.nanoTime();
      if (!model.scheduler().awaitClosed(model.limits().drainTimeout())) {
        logger.warn(
            "{}: {} running and {} waiting requests are cut off: they did not end within"
                + " calm.drain-timeout, {} s",
            model.name(),
            model.scheduler().running(),
            model.scheduler().waiting(),
            model.limits().drainTimeout().toSeconds());
        model.scheduler().close();
        if (!model.scheduler().awaitClosed(LAST_STEP)) {
          logger.error("{}: its last step has not ended; its memory stays allocated", model.name());
          return;
        }
      }
      closeComparison(left(start));
      if (!model.answers().await(left(start))) {
        logger.warn("{}: cutting off answers that are still being written", model.name());
      }
      if (ownsTokenizer) {
        closeTokenizer();
        logger.info("{}: unloaded", model.name());
      } else {
        logger.info("{}: its {} modules are unloaded", model.name(), model.variant());
      }
    } catch (InterruptedException e) {
      model.close();
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      logger.error("{}: not all of its memory was freed", model.name(), e);
    } finally {
      NativeHeap.trim();
      freed.run();
    }
  }

  /** Closes the tokenizer once the replaced model no longer needs it. */
  private void closeTokenizer() throws InterruptedException {
    if (predecessor.isEmpty() || predecessor.get().awaitUnloaded()) {
      model.tokenizer().close();
    } else {
      logger.error("{}: its tokenizer stays open because a step has not ended", model.name());
    }
  }

  /** Returns what is left of the timeout. */
  private Duration left(long start) {
    Duration left = model.limits().drainTimeout().minusNanos(System.nanoTime() - start);
    return left.isNegative() ? Duration.ZERO : left;
  }

  /** Waits for the requests of the uniform twin in what is left of the timeout, then ends them. */
  private void closeComparison(Duration left) throws InterruptedException {
    if (!model.comparison().awaitClosed(left)) {
      model.comparison().close();
      if (!model.comparison().awaitClosed(LAST_STEP)) {
        logger.error(
            "{}: the scheduler of its uniform twin has not stopped; its memory stays allocated",
            model.name());
      }
    }
  }
}
