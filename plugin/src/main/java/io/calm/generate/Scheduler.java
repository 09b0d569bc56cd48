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
 * A continuous-batching scheduler for one model. Thread safe.
 *
 * <p><b>Design.</b> One thread per model owns the decoder and runs steps. Sequences join and leave
 * the batch between steps (iteration-level scheduling). Keys and values live in fixed-size KV
 * blocks, allocated as sequences grow. The work is divided among these classes:
 *
 * <ul>
 *   <li>{@link RequestQueue} holds waiting requests, each a {@link Submission}, and wakes the
 *       thread.
 *   <li>{@link StepLoop} runs one step at a time: finish cancelled and timed-out requests,
 *       schedule, run the decoder, process the results. It attributes failures to sequences.
 *   <li>{@link ActiveSequences} holds the started sequences, admits new ones and preempts others.
 *   <li>{@link BlockManager} counts references to KV blocks; {@link PrefixCache} keeps full blocks
 *       for prompts with a common prefix.
 *   <li>{@link Speculator} decides how many predicted tokens a step verifies; {@link PromptLookup}
 *       predicts them.
 *   <li>{@link ActiveSequence} holds the tokens of one sequence, samples from its logits and sends
 *       its events.
 * </ul>
 *
 * <p><b>Policy.</b> A step contains every decode, then prompt chunks in order of arrival up to
 * {@link SchedulerSettings#stepTokens}, so long prompts do not stall decodes. A sequence is
 * admitted if blocks for all its current tokens are available, or become so when paused sequences
 * are preempted. If blocks run out later, the newest sequence is preempted, paused ones first. Its
 * blocks are released and recomputed after readmission, which is cheap if they are still cached.
 * Idle blocks are evicted only when no free block is left.
 *
 * <p><b>Cost.</b> A step costs one decoder call plus, per sequence, O(1) bookkeeping and O(V)
 * sampling for a vocabulary of V tokens. Each turn also checks every queued and started request for
 * cancellation and timeout. Admission looks up the prompt's prefix, in time linear in its length; a
 * failed admission is retried only after the blocks, the running or the paused sequences changed.
 * {@link SchedulerSettings#blocks} bounds the KV memory.
 *
 * <p><b>Invariants.</b> {@code SchedulerFuzzTest} checks them against a naive model, with random
 * cancellations, pauses, timeouts, faults and missing memory:
 *
 * <ol>
 *   <li>Every accepted request ends exactly once, with {@link GenerationListener#finished}. This
 *       holds when the decoder or a listener throws, and when the scheduler is closed.
 *   <li>An answer depends on its own request only. The decoder's results are bit-identical in every
 *       batch, and random numbers depend only on the request's seed.
 *   <li>The oldest request that is not paused always makes progress: it may preempt all others, and
 *       {@link #submit} rejects requests that exceed the budget.
 *   <li>Predicted tokens change no answer, only the number of steps. Each row of a verified chunk
 *       is sampled as in a step of its own, up to the first wrong prediction.
 *   <li>A fault ends the requests that caused it. If the decoder cannot name them, the step is
 *       halved until the faulty sequences run alone.
 *   <li>No sequence holds a block after its end.
 * </ol>
 *
 * <p><b>Sources.</b> Iteration-level scheduling: Orca (Yu et al., OSDI 2022). KV blocks, block
 * tables and preemption by recomputation: vLLM's PagedAttention (Kwon et al., arXiv 2309.06180).
 * Chunked prefill beside decodes: Sarathi-Serve (Agrawal et al., arXiv 2403.02310). Prefix tree:
 * SGLang's RadixAttention (Zheng et al., arXiv 2312.07104). Speculation: see {@link PromptLookup}.
 */
public final class Scheduler implements AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(Scheduler.class);

  private final SchedulerSettings settings;
  private final LongSupplier nanoClock;
  private final RequestQueue queue;
  private final StepLoop loop;
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile Optional<Throwable> failure = Optional.empty();

  private Scheduler(Decoder decoder, SchedulerSettings settings, LongSupplier nanoClock) {
    this.settings = settings;
    this.nanoClock = nanoClock;
    this.queue = new RequestQueue(settings);
    this.loop = new StepLoop(decoder, settings, queue, new StepCosts(nanoClock));
  }

  /**
   * Creates a scheduler and starts its thread.
   *
   * @param name suffix of the thread's name
   * @param decoder a decoder with at least {@link SchedulerSettings#blocks} blocks; the scheduler
   *     closes it at its end
   * @param nanoClock monotonic clock in nanoseconds, e.g. {@code System::nanoTime}
   */
  public static Scheduler start(
      String name, Decoder decoder, SchedulerSettings settings, LongSupplier nanoClock) {
    if (decoder.blocks() < settings.blocks()) {
      throw new IllegalArgumentException(
          "scheduler: expected a decoder with at least %d KV blocks, got %d"
              .formatted(settings.blocks(), decoder.blocks()));
    }
    Scheduler scheduler = new Scheduler(decoder, settings, nanoClock);
    Thread thread = new Thread(() -> scheduler.run(decoder), "calm-" + name);
    thread.setDaemon(true);
    thread.start();
    return scheduler;
  }

  /**
   * Submits a request. Its events are sent on the scheduler's thread, possibly before this method
   * returns.
   *
   * @throws RejectedException if the request was rejected; it has no events
   */
  public Generation submit(GenerationRequest request) {
    return submit(List.of(request)).get(0);
  }

  /**
   * Submits requests; accepts all of them or none.
   *
   * @throws RejectedException if the requests were rejected
   */
  public List<? extends Generation> submit(List<GenerationRequest> requests) {
    requests.forEach(this::requireFits);
    List<Submission> submissions =
        requests.stream()
            .map(request -> new Submission(request, nanoClock, queue::signal))
            .toList();
    submissions.forEach(Submission::sequence); // out of memory must fail this thread
    queue.add(submissions);
    return submissions;
  }

  private void requireFits(GenerationRequest request) {
    int prompt = request.prompt().length;
    int answer = request.parameters().maxNewTokens();
    if ((long) prompt + answer > settings.maxContext()) {
      throw new RejectedException(
          RejectedException.Reason.TOO_LONG,
          ("%sthis model's maximum context length is %d tokens, but the prompt has %d tokens and"
                  + " max_new_tokens is %d, together %d; shorten the prompt or ask for fewer tokens")
              .formatted(
                  prompt < settings.maxContext() ? "" : "the prompt is too long: ",
                  settings.maxContext(),
                  prompt,
                  answer,
                  (long) prompt + answer));
    }
    if (Decoder.blocksFor(request.capacity()) > settings.blocks()) {
      throw new RejectedException(
          RejectedException.Reason.TOO_LONG,
          ("prompt and answer need a KV cache of %d tokens, but the budget of this model is %d; ask"
                  + " for fewer tokens or raise calm.kv-budget-mb")
              .formatted(request.capacity(), settings.kvTokens()));
    }
  }

  /** Returns the settings. */
  public SchedulerSettings settings() {
    return settings;
  }

  /** Returns the number of requests that have started and not ended, including paused ones. */
  public int running() {
    return queue.started();
  }

  /** Returns the number of requests that have not started, including paused ones. */
  public int waiting() {
    return queue.waiting();
  }

  /**
   * Returns the state, and the counters of all steps that have ended. An event of a request never
   * precedes the state that led to it: a client that has received a token reads that its sequence
   * runs, and one that has received the end reads that it does not.
   */
  public SchedulerStats stats() {
    return queue.withWaiting(loop.stats());
  }

  /** Returns the error that ended the scheduler's thread; it then rejects all requests. */
  public Optional<Throwable> failure() {
    return failure;
  }

  /** Rejects new requests, finishes the accepted ones, then closes the decoder. Returns at once. */
  public void drain() {
    queue.drain();
  }

  /** Rejects new requests, cancels the accepted ones, then closes the decoder. Returns at once. */
  @Override
  public void close() {
    queue.close();
  }

  /**
   * Waits after {@link #drain} or {@link #close} until the decoder is closed; returns false if the
   * timeout elapses first.
   */
  public boolean awaitClosed(Duration timeout) throws InterruptedException {
    return ended.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** Returns whether the scheduler's thread has ended and the decoder is closed. */
  public boolean ended() {
    return ended.getCount() == 0;
  }

  private void run(Decoder decoder) {
    try {
      boolean busy = true;
      while (queue.await(busy ? OptionalLong.of(0) : loop.nanosToDeadline())) {
        busy = loop.turn();
      }
    } catch (InterruptedException | RuntimeException | Error e) {
      logger.error("the scheduler's thread has failed", e);
      failure = Optional.of(e);
      queue.fail(StepLoop.message(e));
    } finally {
      end(decoder);
    }
  }

  private void end(Decoder decoder) {
    try {
      queue.close();
      loop.endAll(
          failure.isPresent() ? Finish.Reason.ERROR : Finish.Reason.CANCELLED,
          failure.map(StepLoop::message));
    } finally {
      decoder.close();
      ended.countDown();
    }
  }
}
