package io.calm.bench;

import io.calm.bench.BenchReport.Subject;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.Generation;
import io.calm.generate.GenerationListener;
import io.calm.generate.GenerationRequest;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.generate.SchedulerStats;
import io.calm.generate.TextDecoder;
import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;

/**
 * Measures answers with and without prompt lookup in turns: two schedulers over one decoder, each
 * with half of its KV blocks. The rate is that of decoding, from the first token to the last.
 */
final class SpeculateBench implements AutoCloseable {
  private static final int STEP_TOKENS = 256;
  private static final int WARM_UP = 16;
  private static final long PAUSE_NANOS = 1_000_000;

  private final List<SpeculatePrompt> prompts;
  private final Scheduler plain;
  private final Scheduler lookup;
  private final Map<String, Samples> samples = new LinkedHashMap<>();

  /** Rates of one prompt, in tokens per second, and counts of the speculated answers. */
  private static final class Samples {
    final List<Double> plain = new ArrayList<>();
    final List<Double> lookup = new ArrayList<>();
    final List<Double> ratios = new ArrayList<>();
    long tokens;
    long steps;
    long proposed;
    long accepted;
  }

  private record Answer(List<Integer> tokens, double rate) {}

  /**
   * @param decoder has no other user; the caller closes it after this measurement
   * @param tokens maximum number of predicted tokens in a step
   */
  SpeculateBench(Decoder decoder, List<SpeculatePrompt> prompts, int tokens) {
    this.prompts = prompts;
    int half = decoder.blocks() / 2;
    SchedulerSettings settings =
        new SchedulerSettings(half * Decoder.BLOCK_TOKENS, half, 1, 1, STEP_TOKENS);
    this.plain = Scheduler.start("plain", new Half(decoder, 0), settings, System::nanoTime);
    this.lookup =
        Scheduler.start(
            "lookup", new Half(decoder, half), settings.speculating(tokens), System::nanoTime);
  }

  /** Returns the number of KV blocks that one scheduler needs. */
  static int blocks(List<SpeculatePrompt> prompts) {
    return prompts.stream()
        .mapToInt(p -> Decoder.blocksFor(p.tokens().length + p.parameters().maxNewTokens()))
        .max()
        .orElseThrow();
  }

  void run(int rounds, String model, BenchReport report) throws InterruptedException {
    for (Scheduler scheduler : List.of(plain, lookup)) {
      Answer unused = answer(scheduler, prompts.get(0), WARM_UP);
    }
    for (int round = 0; round < rounds; round++) {
      for (SpeculatePrompt prompt : prompts) {
        measure(prompt, round % 2 == 0);
      }
    }
    for (SpeculatePrompt prompt : prompts) {
      Samples of = samples(prompt);
      Subject subject = new Subject("speculate", model + "/" + prompt.name(), "tokens/s", "plain");
      report.add(subject, new Series(of.lookup), new Series(of.ratios));
      report.note(
          "  plain %.2f tokens/s; %d tokens in %d steps; %d of %d predicted tokens accepted",
          new Series(of.plain).median(), of.tokens, of.steps, of.accepted, of.proposed);
    }
  }

  private Samples samples(SpeculatePrompt prompt) {
    return samples.computeIfAbsent(prompt.name(), name -> new Samples());
  }

  private void measure(SpeculatePrompt prompt, boolean plainFirst) throws InterruptedException {
    int max = prompt.parameters().maxNewTokens();
    Optional<Answer> first =
        plainFirst ? Optional.of(answer(plain, prompt, max)) : Optional.empty();
    SchedulerStats before = idleStats();
    Answer speculated = answer(lookup, prompt, max);
    SchedulerStats after = idleStats();
    Answer expected = first.orElseGet(() -> answer(plain, prompt, max));
    if (!expected.tokens().equals(speculated.tokens())) {
      throw new IllegalStateException(
          "%s: expected the same answer with lookup as without, got %s and %s; this is a bug"
              .formatted(prompt.name(), speculated.tokens(), expected.tokens()));
    }
    Samples of = samples(prompt);
    of.plain.add(expected.rate());
    of.lookup.add(speculated.rate());
    of.ratios.add(speculated.rate() / expected.rate());
    of.tokens += speculated.tokens().size();
    of.steps += after.steps() - before.steps();
    of.proposed += after.proposedTokens() - before.proposedTokens();
    of.accepted += after.acceptedTokens() - before.acceptedTokens();
  }

  /** Returns the statistics after the last step, which may be published after the answer's end. */
  private SchedulerStats idleStats() throws InterruptedException {
    while (lookup.stats().running() > 0) {
      Thread.sleep(1);
    }
    return lookup.stats();
  }

  private static Answer answer(Scheduler scheduler, SpeculatePrompt prompt, int max) {
    Recorded recorded = new Recorded();
    Generation unused =
        scheduler.submit(
            new GenerationRequest(
                prompt.tokens(),
                prompt.parameters().toBuilder().maxNewTokens(max).build(),
                prompt.ends(),
                OptionalInt.empty(),
                new NoText(),
                recorded,
                Optional.empty()));
    return recorded.answer.join();
  }

  @Override
  public void close() {
    for (Scheduler scheduler : List.of(plain, lookup)) {
      scheduler.close();
      while (!scheduler.ended()) {
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }
  }

  /** Half of a decoder's blocks, from {@code first} on. */
  private record Half(Decoder decoder, int first) implements Decoder {
    @Override
    public ModelSpec spec() {
      return decoder.spec();
    }

    @Override
    public int blocks() {
      return decoder.blocks() / 2;
    }

    @Override
    public List<List<Logits>> step(List<Chunk> chunks) {
      return decoder.step(chunks.stream().map(this::moved).toList());
    }

    private Chunk moved(Chunk chunk) {
      int[] ids = chunk.blocks().clone();
      for (int i = 0; i < ids.length; i++) {
        ids[i] += first;
      }
      return new Chunk(ids, chunk.position(), chunk.tokens(), chunk.wanted());
    }

    @Override
    public void close() {
      // the command closes it
    }
  }

  private record NoText() implements TextDecoder {
    @Override
    public String add(int token) {
      return "";
    }

    @Override
    public String flush() {
      return "";
    }
  }

  /** Keeps an answer's tokens and the times of the first and the last. */
  private static final class Recorded implements GenerationListener {
    private final List<Integer> tokens = new ArrayList<>();
    private long firstNanos;
    private long lastNanos;
    final CompletableFuture<Answer> answer = new CompletableFuture<>();

    @Override
    public void token(GeneratedToken token) {
      if (tokens.isEmpty()) {
        firstNanos = token.elapsedNanos();
      }
      lastNanos = token.elapsedNanos();
      tokens.add(token.score().id());
    }

    @Override
    public void finished(Finish finish) {
      if (finish.error().isPresent() || tokens.size() < 2) {
        answer.completeExceptionally(
            new IllegalStateException(
                "expected an answer of two tokens or more, got %d: %s"
                    .formatted(tokens.size(), finish.error().orElse(finish.reason().name()))));
      } else {
        answer.complete(
            new Answer(tokens, 1e9 * (tokens.size() - 1) / Math.max(1, lastNanos - firstNanos)));
      }
    }
  }
}
