package io.calm.generate;

import io.calm.runtime.Decoder;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the requests of one model on one thread: requests join and leave between steps of the
 * decoder, prompts are read in chunks beside the decodes, first come first served. Each sequence
 * reserves keys and values for its prompt and its longest answer when it starts.
 *
 * <p>Every accepted request ends exactly once, with {@link GenerationListener#finished}: also when
 * the decoder throws, when its listener throws, and when the scheduler is closed. An answer depends
 * on its own request alone, not on what else is running. Thread safe.
 */
public final class Scheduler implements AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(Scheduler.class);

  private final SchedulerSettings settings;
  private final LongSupplier nanoClock;
  private final RequestQueue queue;
  private final CountDownLatch ended = new CountDownLatch(1);

  private Scheduler(SchedulerSettings settings, LongSupplier nanoClock) {
    this.settings = settings;
    this.nanoClock = nanoClock;
    this.queue = new RequestQueue(settings);
  }

  /**
   * Starts the loop.
   *
   * @param name for the thread
   * @param decoder closed by the loop at its end
   * @param nanoClock monotonic nanoseconds, e.g. {@code System::nanoTime}
   */
  public static Scheduler start(
      String name, Decoder decoder, SchedulerSettings settings, LongSupplier nanoClock) {
    Scheduler scheduler = new Scheduler(settings, nanoClock);
    StepLoop loop = new StepLoop(decoder, settings, scheduler.queue);
    Thread thread = new Thread(() -> scheduler.run(loop, decoder), "calm-" + name);
    thread.setDaemon(true);
    thread.start();
    return scheduler;
  }

  /**
   * Submits a request; its events come on the scheduler's thread, perhaps before this returns.
   *
   * @throws RejectedException if it was not taken: it has no events then
   */
  public Generation submit(GenerationRequest request) {
    return submit(List.of(request)).get(0);
  }

  /**
   * Submits requests of which all or none are taken.
   *
   * @throws RejectedException if none was taken
   */
  public List<? extends Generation> submit(List<GenerationRequest> requests) {
    requests.forEach(this::requireFits);
    List<Ticket> tickets =
        requests.stream().map(request -> new Ticket(request, nanoClock)).toList();
    queue.add(tickets);
    return tickets;
  }

  private void requireFits(GenerationRequest request) {
    int prompt = request.prompt().length;
    int answer = request.parameters().maxNewTokens();
    if ((long) prompt + answer > settings.maxContext()) {
      throw new RejectedException(
          RejectedException.Reason.TOO_LONG,
          ("the prompt has %d tokens and max_new_tokens is %d: together %d, but this model's"
                  + " maximum context is %d tokens; shorten the prompt or ask for fewer tokens")
              .formatted(prompt, answer, (long) prompt + answer, settings.maxContext()));
    }
    if (request.capacity() > settings.kvTokens()) {
      throw new RejectedException(
          RejectedException.Reason.TOO_LONG,
          ("prompt and answer need keys and values for %d tokens, but the budget of this model is"
                  + " %d; ask for fewer tokens or raise the KV budget")
              .formatted(request.capacity(), settings.kvTokens()));
    }
  }

  /** Returns the budgets. */
  public SchedulerSettings settings() {
    return settings;
  }

  /** Returns the sequences in the current step. */
  public int running() {
    return queue.running();
  }

  /** Returns the requests that wait for room. */
  public int waiting() {
    return queue.waiting();
  }

  /**
   * Takes no more requests and asks the loop to end: it cancels what runs and waits, then closes
   * the decoder. Does not wait for it.
   */
  @Override
  public void close() {
    queue.close();
  }

  /** Waits until the loop has ended after {@link #close}; returns whether it has. */
  public boolean awaitClosed(Duration most) throws InterruptedException {
    return ended.await(most.toNanos(), TimeUnit.NANOSECONDS);
  }

  private void run(StepLoop loop, Decoder decoder) {
    try {
      while (queue.awaitWork()) {
        loop.turn();
      }
    } catch (InterruptedException e) {
      logger.warn("the scheduler was interrupted and ends");
    } finally {
      queue.close();
      loop.endAll();
      decoder.close();
      ended.countDown();
    }
  }
}
