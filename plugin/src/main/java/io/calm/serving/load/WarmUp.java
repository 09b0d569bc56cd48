package io.calm.serving.load;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.Generation;
import io.calm.generate.GenerationListener;
import io.calm.generate.GenerationRequest;
import io.calm.generate.SamplingParameters;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.generate.TextDecoder;
import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.StepFailedException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The warm-up of a model before it is ready: chat template, tokenizer, a decode, one request, a
 * {@link Rehearsal}, and decoder steps at the sizes of serving. Then it waits until the JVM has
 * compiled what they used.
 *
 * <p>The steps run on the model's decoder before its scheduler takes it, and the requests on a
 * scheduler of their own. Statistics and the prefix cache of the model therefore start empty. The
 * KV blocks are the first ones that the model's scheduler uses.
 *
 * <p>A step runs only if it is expected to end within the time limit. Its expected time is that of
 * the previous step, times the ratio of their rows. Only the first step is never skipped: it reads
 * all weights, as the first request would.
 */
final class WarmUp {
  private static final Logger logger = LoggerFactory.getLogger(WarmUp.class);

  /**
   * Maximum time of steps and requests, unless the first step or the last of a request is longer.
   */
  static final Duration LIMIT = Duration.ofSeconds(2);

  /** Maximum time after {@link #LIMIT} for the JVM to compile what the warm-up has used. */
  private static final Duration SETTLE = Duration.ofMillis(500);

  /** Largest batch of decodes. Larger ones run the same code. */
  static final int MAX_ROWS = 32;

  /** Tokens of the request's answer. */
  static final int ANSWER = 8;

  /** Maximum share of the remaining time for the rehearsal, before the steps of larger sizes. */
  private static final double REHEARSED = 0.75;

  private static final int PROMPT = 16;
  private static final String TEXT = "What is the capital of France?";

  private final String name;
  private final Decoder decoder;
  private final SchedulerSettings budgets;
  private final BiConsumer<Scheduler, Duration> rehearsal;
  private final LongSupplier nanoClock;
  private final long start;

  /** Time of the last step. */
  private long lastNanos;

  private int lastRows;

  private WarmUp(
      String name,
      Decoder decoder,
      SchedulerSettings budgets,
      BiConsumer<Scheduler, Duration> rehearsal,
      LongSupplier nanoClock) {
    this.name = name;
    this.decoder = decoder;
    this.budgets = budgets;
    this.rehearsal = rehearsal;
    this.nanoClock = nanoClock;
    this.start = nanoClock.getAsLong();
  }

  /**
   * Warms up a model on this thread. The load fails if the first step computes numbers that are not
   * finite: every request with the same first token would fail. Any other failure is logged and has
   * no other effect.
   *
   * @param decoder a decoder that nothing else uses yet; stays open
   * @param rehearsal sends requests to a scheduler, for a limited time
   * @param nanoClock monotonic clock in nanoseconds
   * @throws CheckpointException if the first step failed
   */
  static void run(
      String name,
      Decoder decoder,
      SchedulerSettings budgets,
      Tokenizer tokenizer,
      Optional<ChatTemplate> template,
      BiConsumer<Scheduler, Duration> rehearsal,
      LongSupplier nanoClock) {
    WarmUp warmUp = new WarmUp(name, decoder, budgets, rehearsal, nanoClock);
    try {
      int[] tokens = tokens(name, decoder.spec(), tokenizer, template);
      boolean whole = warmUp.run(tokens, tokenizer);
      JitQueue.awaitQuiet(SETTLE);
      logger.debug(
          "{}: warm-up of {} ms, {}",
          name,
          warmUp.elapsed() / 1_000_000,
          whole ? "complete" : "ended by its time limit");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (CheckpointException e) {
      throw e;
    } catch (StepFailedException e) {
      logger.warn("{}: a step of the warm-up failed: {}", name, e.getMessage());
    } catch (RuntimeException | OutOfMemoryError | StackOverflowError e) {
      logger.debug("{}: the warm-up failed, the load continues", name, e);
    }
  }

  /** Renders, encodes and decodes a text. Returns ids that the model knows, at least one. */
  private static int[] tokens(
      String name, ModelSpec spec, Tokenizer tokenizer, Optional<ChatTemplate> template) {
    int[] ids = {};
    try {
      ids = tokenizer.encode(TEXT, true);
      String unused = tokenizer.decode(ids, true);
      if (template.isPresent()) {
        List<Map<String, Object>> messages = List.of(Map.of("role", "user", "content", TEXT));
        ids = tokenizer.encode(template.get().render(messages, true), false);
      }
    } catch (RuntimeException e) { // e.g. a template that wants other roles
      logger.debug("{}: the warm-up of template and tokenizer failed", name, e);
    }
    int[] known = Arrays.stream(ids).filter(id -> id >= 0 && id < spec.vocabulary()).toArray();
    return known.length == 0 ? new int[1] : known;
  }

  /** Runs steps and requests; returns whether none was skipped. */
  private boolean run(int[] tokens, Tokenizer tokenizer) {
    first(tokens);
    if (!fits(1)) {
      return false;
    }
    decodes(1, tokens);
    boolean asked = requests(tokens, tokenizer);
    return steps(tokens) && asked;
  }

  /** Runs the first step, which reads the pages of the weights. */
  private void first(int[] tokens) {
    try {
      decodes(1, tokens);
    } catch (StepFailedException e) {
      throw new CheckpointException(
          "the model cannot compute its first token: %s; convert or download it again"
              .formatted(e.getMessage()),
          e);
    }
  }

  /** Runs steps of several sequences, and one of a prompt; returns whether none was skipped. */
  private boolean steps(int[] tokens) {
    int batch = Math.min(Math.min(MAX_ROWS, budgets.maxRunning()), budgets.blocks());
    for (int rows = 2; rows <= batch; rows *= 2) {
      if (!fits(rows)) {
        return false;
      }
      decodes(rows, tokens);
    }
    int prompt =
        Math.min(
            Math.min(budgets.stepTokens(), budgets.maxContext()),
            Math.min(budgets.blocks(), Integer.MAX_VALUE / Decoder.BLOCK_TOKENS)
                * Decoder.BLOCK_TOKENS);
    if (!fits(prompt)) {
      return false;
    }
    int[] ids = new int[prompt];
    Arrays.setAll(ids, i -> tokens[i % tokens.length]);
    step(List.of(new DecoderSequences(decoder).open().append(ids, Wanted.LAST)), prompt);
    return true;
  }

  private void decodes(int rows, int[] tokens) {
    DecoderSequences sequences = new DecoderSequences(decoder);
    List<Chunk> chunks = new ArrayList<>();
    for (int i = 0; i < rows; i++) {
      chunks.add(sequences.open().append(new int[] {tokens[i % tokens.length]}, Wanted.LAST));
    }
    step(chunks, rows);
  }

  private void step(List<Chunk> chunks, int rows) {
    long begin = nanoClock.getAsLong();
    decoder.step(chunks);
    lastNanos = nanoClock.getAsLong() - begin;
    lastRows = rows;
  }

  /** Returns whether a step is expected to end within the limit. */
  private boolean fits(int rows) {
    return elapsed() + (double) lastNanos * rows / lastRows <= LIMIT.toNanos();
  }

  private long elapsed() {
    return nanoClock.getAsLong() - start;
  }

  private long remaining() {
    return Math.max(1, LIMIT.toNanos() - elapsed());
  }

  /** Runs requests on a scheduler of their own; returns whether none was skipped. */
  private boolean requests(int[] tokens, Tokenizer tokenizer) {
    int answer = Math.min(ANSWER, budgets.maxContext() - 1);
    if (answer < 1 || !fits(answer)) {
      return false;
    }
    int longest = Math.min(PROMPT, budgets.maxContext() - answer);
    int[] prompt = Arrays.copyOf(tokens, Math.min(tokens.length, longest));
    boolean whole = fits(prompt.length + answer);
    try (Scheduler scheduler =
        Scheduler.start(name + "-warm-up", new Borrowed(decoder), budgets, nanoClock)) {
      try {
        if (whole) {
          Ended ended = new Ended();
          Generation unused = scheduler.submit(request(prompt, answer, tokenizer, ended));
          ended.await();
        }
        rehearsal.accept(scheduler, Duration.ofNanos((long) (remaining() * REHEARSED)));
      } finally {
        scheduler.drain();
        awaitClosed(scheduler);
      }
    }
    return whole;
  }

  private GenerationRequest request(
      int[] prompt, int answer, Tokenizer tokenizer, GenerationListener ended) {
    return new GenerationRequest(
        prompt,
        SamplingParameters.builder().temperature(1).topP(0.9).maxNewTokens(answer).build(),
        Set.of(),
        OptionalInt.empty(),
        new Text(tokenizer.newIncrementalDecoder(true)),
        ended,
        Optional.of(Duration.ofNanos(remaining())));
  }

  /** Waits until the scheduler no longer uses the decoder, also if this thread is interrupted. */
  private static void awaitClosed(Scheduler scheduler) {
    boolean interrupted = false;
    while (!scheduler.ended()) {
      try {
        boolean unused = scheduler.awaitClosed(Duration.ofSeconds(1));
      } catch (InterruptedException e) {
        interrupted = true;
        scheduler.close();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** The model's decoder, which stays open when the scheduler of the warm-up closes it. */
  private record Borrowed(Decoder decoder) implements Decoder {
    @Override
    public ModelSpec spec() {
      return decoder.spec();
    }

    @Override
    public int blocks() {
      return decoder.blocks();
    }

    @Override
    public List<List<Logits>> step(List<Chunk> chunks) {
      return decoder.step(chunks);
    }

    @Override
    public void close() {
      // the model's scheduler closes it
    }
  }

  private record Text(Tokenizer.IncrementalDecoder decoder) implements TextDecoder {
    @Override
    public String add(int token) {
      return decoder.add(token);
    }

    @Override
    public String flush() {
      return decoder.flush();
    }
  }

  /** The end of a request whose answer is discarded. */
  private static final class Ended implements GenerationListener {
    private final CompletableFuture<Finish> end = new CompletableFuture<>();

    @Override
    public void token(GeneratedToken token) {
      // discarded
    }

    @Override
    public void finished(Finish finish) {
      end.complete(finish);
    }

    /** Waits for the end, which the request's timeout bounds; throws if the request failed. */
    void await() {
      Optional<String> error = end.join().error();
      if (error.isPresent()) {
        throw new IllegalStateException("the request failed: " + error.get());
      }
    }
  }
}
