package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.StepFailedException;
import io.calm.testing.Seeds;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Speculation against the plain loop: the same events, bit for bit, in fewer steps. */
class SpeculationTest {
  private static final int CONTEXT = 256;

  /** Verifies every prediction, however unlikely. */
  private static final double EAGER = 0;

  static LongStream seeds() {
    return LongStream.concat(LongStream.range(0, 150), LongStream.of(Seeds.of(20_261_128L)));
  }

  /** A request as its client saw it, but for times. */
  private record Seen(List<GeneratedToken> tokens, List<TokenScore> prompt, Finish finish) {
    static Seen of(Recorder events) {
      Finish end = events.finish().orElseThrow();
      return new Seen(
          events.tokens().stream()
              .map(t -> new GeneratedToken(t.index(), t.text(), t.score(), t.top(), t.end(), 0))
              .toList(),
          events.promptScores(),
          new Finish(
              end.reason(),
              end.error(),
              end.usage(),
              new Finish.Timing(Duration.ZERO, Duration.ZERO)));
    }
  }

  private record Outcome(List<Seen> seen, SchedulerStats stats) {}

  /** Runs the requests; each joins some turns after the one before. */
  private static Outcome run(
      Supplier<Decoder> open, SchedulerSettings settings, double slope, List<RequestBuilder> all) {
    List<Recorder> recorders = new ArrayList<>();
    RequestQueue queue = new RequestQueue(settings);
    try (Decoder decoder = open.get()) {
      StepLoop loop = new StepLoop(decoder, settings, queue, new StepCosts(() -> 0, slope));
      for (RequestBuilder request : all) {
        Recorder recorder = new Recorder();
        recorders.add(recorder);
        queue.add(List.of(new Submission(request.build(recorder), () -> 0, queue::signal)));
        for (int turn = 0; turn < 5; turn++) {
          loop.turn();
        }
      }
      while (loop.turn()) {}
      assertEquals(0, loop.stats().usedBlocks());
      return new Outcome(recorders.stream().map(Seen::of).toList(), loop.stats());
    }
  }

  private static List<RequestBuilder> requests(
      SplittableRandom random, int count, int vocabulary, int blocks) {
    List<RequestBuilder> requests = new ArrayList<>();
    int[] phrase = random.ints(40, 0, vocabulary).toArray();
    for (int i = 0; i < count; i++) {
      int[] prompt = IntStream.range(0, 1 + random.nextInt(100)).map(p -> phrase[p % 40]).toArray();
      prompt[random.nextInt(prompt.length)] = random.nextInt(vocabulary);
      int room = Math.min(CONTEXT, blocks * Decoder.BLOCK_TOKENS) - prompt.length;
      int tokens = 1 + random.nextInt(Math.min(room, 140));
      SamplingParameters parameters = parameters(random, tokens, vocabulary);
      long textSeed = random.nextLong();
      RequestBuilder request =
          RequestBuilder.prompt(prompt).parameters(parameters).text(new Letters());
      if (textSeed % 2 == 0) {
        request.endOfSequence(random.nextInt(vocabulary), random.nextInt(vocabulary));
      }
      requests.add(textSeed % 7 == 0 ? request.promptScores(1) : request);
    }
    return requests;
  }

  private static SamplingParameters parameters(
      SplittableRandom random, int tokens, int vocabulary) {
    List<String> stops = new ArrayList<>();
    for (int s = random.nextInt(3); s > 0; s--) {
      stops.add(Letters.of(random.nextInt(3)).repeat(2 + random.nextInt(4)));
    }
    if (stops.size() == 1) {
      stops.addAll(List.of(Letters.ended(0), Letters.ended(1)));
    }
    return SamplingParameters.builder()
        .maxNewTokens(tokens)
        .minNewTokens(random.nextInt(3) == 0 ? random.nextInt(tokens + 1) : 0)
        .temperature(random.nextBoolean() ? 0 : 0.1 + random.nextDouble())
        .topK(random.nextInt(3) * random.nextInt(8))
        .topP(random.nextBoolean() ? 1 : random.nextDouble())
        .minP(random.nextInt(3) == 0 ? random.nextDouble() : 0)
        .repetitionPenalty(random.nextBoolean() ? 1 : 1.1)
        .frequencyPenalty(random.nextInt(3) == 0 ? 0.1 : 0)
        .presencePenalty(random.nextInt(3) == 0 ? -0.5 : 0)
        .logitBias(random.nextInt(3) == 0 ? Map.of(random.nextInt(vocabulary), 2f) : Map.of())
        .seed(random.nextLong())
        .stops(stops)
        .includeStop(random.nextBoolean())
        .logprobs(true)
        .topLogprobs(random.nextInt(4))
        .build();
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void everyEventIsThatOfThePlainLoop(long seed) {
    Seeds.given(seed);
    SplittableRandom random = new SplittableRandom(seed);
    int blocks = 4 + random.nextInt(6);
    int stepTokens = random.nextBoolean() ? 256 : 1 + random.nextInt(30);
    SchedulerSettings plain =
        new SchedulerSettings(CONTEXT, blocks, 1 + random.nextInt(6), 20, stepTokens);
    int speculated = 1 + random.nextInt(8);
    double slope = random.nextBoolean() ? EAGER : 0.1;
    long drawn = random.nextLong();
    int count = 1 + random.nextInt(7);
    Outcome expected = runHashed(plain, slope, drawn, count);
    Outcome actual = runHashed(plain.speculating(speculated), slope, drawn, count);
    assertEquals(expected.seen(), actual.seen(), "seed " + seed);
    assertEquals(0, expected.stats().proposedTokens());
    assertTrue(actual.stats().acceptedTokens() <= actual.stats().proposedTokens());
  }

  private static Outcome runHashed(SchedulerSettings settings, double slope, long seed, int count) {
    HashDecoder decoder = new HashDecoder(settings, new SplittableRandom(1), 0);
    // Text decoders have state, so both runs build their own requests.
    List<RequestBuilder> requests =
        requests(new SplittableRandom(seed), count, HashDecoder.VOCABULARY, settings.blocks());
    Outcome outcome = run(() -> decoder, settings, slope, requests);
    assertEquals(List.of(), decoder.violations());
    return outcome;
  }

  /** Sixteen sequences of a real model, in ample and in little memory. */
  @Test
  void aModelsLogProbabilitiesAreThoseOfThePlainLoop() {
    long seed = Seeds.next();
    int vocabulary = TinyModelTest.MODEL.spec().vocabulary();
    long preemptions = 0;
    for (int blocks : new int[] {64, 5}) {
      for (int running : new int[] {1, 4}) {
        SchedulerSettings plain = new SchedulerSettings(CONTEXT, blocks, running, 64, 64);
        List<Outcome> outcomes = new ArrayList<>();
        for (int speculated : new int[] {0, 8}) {
          outcomes.add(
              run(
                  () -> TinyModelTest.open(blocks),
                  plain.speculating(speculated),
                  EAGER,
                  requests(new SplittableRandom(seed), 8, vocabulary, blocks)));
        }
        String where = "seed %d, %d blocks, %d running".formatted(seed, blocks, running);
        assertEquals(outcomes.get(0).seen(), outcomes.get(1).seen(), where);
        assertTrue(outcomes.get(1).stats().acceptedTokens() > 0, where);
        preemptions += outcomes.get(1).stats().preemptions();
      }
    }
    assertTrue(preemptions > 0);
  }

  @Test
  void acceptedTokensTakeNoSteps() {
    SchedulerSettings plain = new SchedulerSettings(CONTEXT, 16, 4, 8, 256);
    // Token 3 always wins, so the answer is a run of it.
    SamplingParameters parameters =
        SamplingParameters.builder().maxNewTokens(100).logitBias(Map.of(3, 50f)).build();
    List<SchedulerStats> stats = new ArrayList<>();
    for (int speculated : new int[] {0, 8}) {
      SchedulerSettings settings = plain.speculating(speculated);
      HashDecoder decoder = new HashDecoder(settings, new SplittableRandom(1), 0);
      RequestBuilder request = RequestBuilder.prompt(1, 2).parameters(parameters);
      Outcome outcome = run(() -> decoder, settings, 0.1, List.of(request));
      assertEquals(100, outcome.seen().get(0).tokens().size());
      stats.add(outcome.stats());
    }
    assertEquals(100, stats.get(0).steps());
    assertTrue(stats.get(1).steps() < 30, stats.get(1).toString());
    assertEquals(100, stats.get(1).steps() + stats.get(1).acceptedTokens());
    assertEquals(stats.get(0).stepTokens(), stats.get(1).stepTokens(), "wrong ones do not count");
  }

  @Test
  void manySequencesAreNotSpeculated() {
    SchedulerSettings settings = new SchedulerSettings(CONTEXT, 32, 8, 8, 256, 8);
    SamplingParameters parameters =
        SamplingParameters.builder().maxNewTokens(50).logitBias(Map.of(3, 50f)).build();
    List<RequestBuilder> requests = new ArrayList<>();
    for (int i = 0; i <= Speculator.MAX_SEQUENCES; i++) {
      requests.add(RequestBuilder.prompt(1 + i).parameters(parameters));
    }
    HashDecoder decoder = new HashDecoder(settings, new SplittableRandom(1), 0);
    RequestQueue queue = new RequestQueue(settings);
    StepLoop loop = new StepLoop(decoder, settings, queue, new StepCosts(() -> 0, EAGER));
    for (RequestBuilder request : requests) {
      Submission submission =
          new Submission(request.text(new Letters()).build(new Recorder()), () -> 0, () -> {});
      queue.add(List.of(submission));
    }
    while (loop.turn()) {}
    assertEquals(0, loop.stats().proposedTokens());
    assertEquals(List.of(), decoder.violations());
  }

  /** Predictions that cross into the last block would preempt the prompt that was promised it. */
  @Test
  void predictionsTakeNoBlockThatAPromptWasAdmittedFor() {
    SchedulerSettings settings = new SchedulerSettings(CONTEXT, 5, 4, 8, 57 + 150, 8);
    HashDecoder decoder = new HashDecoder(settings, new SplittableRandom(1), 0);
    RequestQueue queue = new RequestQueue(settings);
    StepLoop loop = new StepLoop(decoder, settings, queue, new StepCosts(() -> 0, EAGER));
    SamplingParameters parameters =
        SamplingParameters.builder().maxNewTokens(100).logitBias(Map.of(3, 50f)).build();
    int[] same = new int[57];
    Arrays.fill(same, 3);
    int[] other = IntStream.range(0, 200).map(i -> i % 5).toArray();
    List<Recorder> recorders = List.of(new Recorder(), new Recorder());
    List<Submission> submissions = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      RequestBuilder request = RequestBuilder.prompt(i == 0 ? same : other);
      GenerationRequest built =
          (i == 0 ? request.parameters(parameters) : request.maxNewTokens(5))
              .build(recorders.get(i));
      submissions.add(new Submission(built, () -> 0, queue::signal));
    }
    queue.add(submissions);
    assertTrue(loop.turn()); // one prompt, and three of the four blocks of the other
    assertTrue(loop.turn());
    assertEquals(0, loop.stats().preemptions());
    assertEquals(6, loop.stats().acceptedTokens(), "up to the end of the first block");
    assertEquals(8, recorders.get(0).tokens().size());
    assertEquals(1, recorders.get(1).tokens().size(), "the prompt has been read");
    submissions.forEach(Submission::cancel);
    while (loop.turn()) {}
    assertEquals(0, loop.stats().usedBlocks());
  }

  /** A client that stops reading gets no more of a chunk that was verified as a whole. */
  @Test
  void aPausedOrCancelledRequestGetsNoFurtherToken() {
    SchedulerSettings settings = new SchedulerSettings(CONTEXT, 16, 4, 8, 256, 8);
    SamplingParameters parameters =
        SamplingParameters.builder().maxNewTokens(100).logitBias(Map.of(3, 50f)).build();
    RequestQueue queue = new RequestQueue(settings);
    HashDecoder decoder = new HashDecoder(settings, new SplittableRandom(1), 0);
    StepLoop loop = new StepLoop(decoder, settings, queue, new StepCosts(() -> 0, EAGER));
    Recorder recorder = new Recorder();
    List<Submission> submissions = new ArrayList<>();
    GenerationListener pausing =
        new GenerationListener() {
          @Override
          public void token(GeneratedToken token) {
            recorder.token(token);
            if (token.index() == 30) {
              submissions.get(0).pause();
            } else if (token.index() == 61) {
              submissions.get(0).cancel();
            }
          }

          @Override
          public void finished(Finish finish) {
            recorder.finished(finish);
          }
        };
    RequestBuilder request = RequestBuilder.prompt(1, 2).parameters(parameters);
    submissions.add(new Submission(request.build(pausing), () -> 0, queue::signal));
    queue.add(submissions);
    while (loop.turn()) {}
    assertEquals(31, recorder.tokens().size());
    submissions.get(0).resume();
    while (loop.turn()) {}
    assertEquals(62, recorder.tokens().size());
    assertEquals(Finish.Reason.CANCELLED, recorder.finish().orElseThrow().reason());
    assertTrue(loop.stats().acceptedTokens() > 30);
    assertEquals(0, loop.stats().usedBlocks());
    assertEquals(List.of(), decoder.violations());
  }

  /** A prediction for which the decoder fails ends no request: it goes on without predictions. */
  @Test
  void aFaultOfAPredictedTokenEndsNoRequest() {
    SchedulerSettings settings = new SchedulerSettings(CONTEXT, 16, 4, 8, 256, 8);
    HashDecoder hashed = new HashDecoder(settings, new SplittableRandom(1), 0);
    Decoder failing =
        new FailingSteps(
            hashed,
            chunks -> chunks.stream().anyMatch(chunk -> chunk.wanted() == Decoder.Wanted.ALL));
    int[] prompt = new int[64];
    Arrays.setAll(prompt, i -> i % 5);
    RequestBuilder request = RequestBuilder.prompt(prompt).maxNewTokens(60);
    Outcome outcome = run(() -> failing, settings, EAGER, List.of(request));
    Seen seen = outcome.seen().get(0);
    assertEquals(Finish.Reason.LENGTH, seen.finish().reason());
    assertEquals(
        NaiveGeneration.of(request.build(new Recorder())).tokens(),
        seen.tokens().stream().map(token -> token.score().id()).toList());
    assertEquals(0, outcome.stats().acceptedTokens());
  }

  /** Blocks that predicted tokens alone would need do not outlast a step that failed. */
  @Test
  void aFaultOfAnotherSequenceReleasesTheBlocksOfPredictedTokens() {
    SchedulerSettings settings = new SchedulerSettings(CONTEXT, 16, 4, 8, 256, 8);
    AtomicInteger failures = new AtomicInteger();
    HashDecoder hashed = new HashDecoder(settings, new SplittableRandom(1), 0);
    Decoder failing =
        new FailingSteps(
            hashed,
            chunks -> {
              Decoder.Chunk last = chunks.get(chunks.size() - 1);
              boolean predicted = last.blocks().length > Decoder.blocksFor(last.position() + 1);
              boolean fails = chunks.size() == 2 && predicted;
              failures.addAndGet(fails ? 1 : 0);
              return fails;
            });
    RequestQueue queue = new RequestQueue(settings);
    StepLoop loop = new StepLoop(failing, settings, queue, new StepCosts(() -> 0, EAGER));
    int[] prompt = new int[60];
    Arrays.setAll(prompt, i -> i % 5);
    Recorder bad = new Recorder();
    Recorder good = new Recorder();
    RequestBuilder other = RequestBuilder.prompt(9).maxNewTokens(100);
    queue.add(
        List.of(
            new Submission(other.build(bad), () -> 0, queue::signal),
            new Submission(
                RequestBuilder.prompt(prompt).maxNewTokens(100).build(good),
                () -> 0,
                queue::signal)));
    while (failures.get() == 0) {
      assertTrue(loop.turn());
    }
    assertEquals(Finish.Reason.ERROR, bad.finish().orElseThrow().reason());
    int held = prompt.length + good.tokens().size() - 1; // all but the last generated one
    assertEquals(Decoder.blocksFor(held), loop.stats().usedBlocks());
    while (loop.turn()) {}
    assertEquals(Finish.Reason.LENGTH, good.finish().orElseThrow().reason());
    assertEquals(0, loop.stats().usedBlocks());
  }

  /** Fails steps, for which it blames the first sequence. */
  private record FailingSteps(HashDecoder good, Predicate<List<Decoder.Chunk>> fails)
      implements Decoder {
    @Override
    public ModelSpec spec() {
      return good.spec();
    }

    @Override
    public int blocks() {
      return good.blocks();
    }

    @Override
    public List<List<Logits>> step(List<Chunk> chunks) {
      if (fails.test(chunks)) {
        throw new StepFailedException("block 3 down: NaN", Set.of(0));
      }
      return good.step(chunks);
    }

    @Override
    public void close() {
      good.close();
    }
  }
}
