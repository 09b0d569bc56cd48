package io.calm.generate;

import io.calm.runtime.Decoder;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the requests of one model on one thread: requests join and leave between steps of the
 * decoder, prompts are read in chunks beside the decodes, first come first served. Blocks of keys
 * and values are taken as tokens come; when there is none, the request that came last gives up its
 * own and computes them again later. Prompts that begin alike share their blocks.
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
  private volatile SchedulerStats stats;
  private volatile Optional<Throwable> failure = Optional.empty();

  private Scheduler(SchedulerSettings settings, LongSupplier nanoClock) {
    this.settings = settings;
    this.nanoClock = nanoClock;
    this.queue = new RequestQueue(settings);
    this.stats = new Roster(settings, queue).stats(0, 0);
  }

  /**
   * Starts the loop.
   *
   * @param name for the thread
   * @param decoder of as many blocks as the settings say; closed by the loop at its end
   * @param nanoClock monotonic nanoseconds, e.g. {@code System::nanoTime}
   */
  public static Scheduler start(
      String name, Decoder decoder, SchedulerSettings settings, LongSupplier nanoClock) {
    if (decoder.blocks() < settings.blocks()) {
      throw new IllegalArgumentException(
          "scheduler: expected a decoder of %d blocks or more, got one of %d"
              .formatted(settings.blocks(), decoder.blocks()));
    }
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
        requests.stream().map(request -> new Ticket(request, nanoClock, queue::signal)).toList();
    tickets.forEach(Ticket::sequence); // memory that is not there is this thread's problem
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
    if (Decoder.blocksFor(request.capacity()) > settings.blocks()) {
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

  /** Returns the requests that have started and not ended. */
  public int running() {
    return queue.started();
  }

  /** Returns the requests that have not started. */
  public int waiting() {
    return queue.waiting();
  }

  /** Returns what there is at hand, as of the last step, and what was done so far. */
  public SchedulerStats stats() {
    return stats.withWaiting(queue.waiting());
  }

  /** Returns why the loop has died, if it has: it takes no requests any more. */
  public Optional<Throwable> failure() {
    return failure;
  }

  /**
   * Takes no more requests, lets those that run and wait end, then closes the decoder. Does not
   * wait for it.
   */
  public void drain() {
    queue.drain();
  }

  /**
   * Takes no more requests and asks the loop to end: it cancels what runs and waits, then closes
   * the decoder. Does not wait for it.
   */
  @Override
  public void close() {
    queue.close();
  }

  /**
   * Waits until the loop has ended after {@link #drain} or {@link #close} and the decoder is
   * closed; returns whether it has.
   */
  public boolean awaitClosed(Duration most) throws InterruptedException {
    return ended.await(most.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** Returns whether the loop has ended and the decoder is closed. */
  public boolean ended() {
    return ended.getCount() == 0;
  }

  private void run(StepLoop loop, Decoder decoder) {
    try {
      boolean busy = true;
      while (queue.await(busy ? OptionalLong.of(0) : loop.nanosToDeadline())) {
        busy = loop.turn();
        stats = loop.stats();
      }
    } catch (InterruptedException | RuntimeException | Error e) {
      logger.error("the scheduler's loop has died", e);
      failure = Optional.of(e);
      queue.fail(StepLoop.message(e));
    } finally {
      end(loop, decoder);
    }
  }

  private void end(StepLoop loop, Decoder decoder) {
    try {
      queue.close();
      loop.endAll(
          failure.isPresent() ? Finish.Reason.ERROR : Finish.Reason.CANCELLED,
          failure.map(StepLoop::message));
      stats = loop.stats();
    } finally {
      decoder.close();
      ended.countDown();
    }
  }
}
