package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.runtime.Decoder;
import io.calm.testing.Seeds;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random requests with common beginnings, cancellations, pauses, deadlines and failures over few
 * blocks, for some of which there may be no memory, turn by turn, against {@link NaiveGeneration}:
 * each ends exactly once, what ended well is what it is alone, a fault of one request ends that one
 * alone, the first always goes on, and no block stays held.
 */
class SchedulerFuzzTest {
  private static final int CONTEXT = 256;
  private static final int TURN_NANOS = 1000;

  static LongStream seeds() {
    return LongStream.concat(LongStream.range(0, 200), LongStream.of(Seeds.of(20_261_127L)));
  }

  /** The fault of a request, and where it must show. */
  private enum Fault {
    NONE,
    /** A token of the prompt for which the decoder refuses the chunk. */
    REFUSED_TOKEN,
    /** A token of the prompt whose numbers are not finite. */
    NOT_FINITE,
    /** A token of the prompt with which no step succeeds, whatever else is in it. */
    POISON,
    /** A bias of a token that there is not: choosing throws. */
    SAMPLER,
    /** The text of a token throws. */
    TEXT,
    /** The listener of a token throws. */
    LISTENER,
    /** The listener of the prompt's end throws. */
    PROMPT_READ
  }

  private static final List<Fault> FAULTS = List.of(Fault.values());

  private record Submitted(
      GenerationRequest request, Recorder events, Submission submission, Fault fault) {
    boolean open() {
      return events.finish().isEmpty();
    }

    boolean inError() {
      return events.finish().map(end -> end.reason() == Finish.Reason.ERROR).orElse(false);
    }
  }

  /** One run. */
  private static final class Run {
    final SplittableRandom random;
    final SchedulerSettings settings;
    final double failureRate;
    final double faultRate;
    final int memory; // blocks, later perhaps more
    final int stepsToRetry;
    final HashDecoder decoder;
    final RequestQueue queue;
    final StepLoop loop;
    final AtomicLong clock = new AtomicLong();
    final List<Submitted> submitted = new ArrayList<>();
    final List<int[]> beginnings = new ArrayList<>();

    Run(long seed) {
      random = new SplittableRandom(seed);
      settings =
          new SchedulerSettings(
              CONTEXT,
              4 + random.nextInt(8),
              1 + random.nextInt(6),
              1 + random.nextInt(20),
              1 + random.nextInt(random.nextBoolean() ? 24 : 300),
              random.nextBoolean() ? 0 : 1 + random.nextInt(8));
      failureRate = random.nextInt(3) == 0 ? 0.05 : 0;
      faultRate = random.nextInt(2) * 0.2;
      decoder = new HashDecoder(settings, random.split(), failureRate);
      memory = random.nextInt(3) == 0 ? 1 + random.nextInt(settings.blocks()) : settings.blocks();
      decoder.memoryFor(memory);
      queue = new RequestQueue(settings);
      stepsToRetry = 1 + random.nextInt(40);
      StepCosts costs = new StepCosts(() -> 0, random.nextInt(2) * 0.2);
      loop = new StepLoop(decoder, settings, queue, costs, stepsToRetry);
      for (int i = 0; i < 3; i++) {
        beginnings.add(random.ints(CONTEXT, 0, HashDecoder.VOCABULARY).toArray());
      }
    }

    /** Makes a turn in which the first of those that may hold blocks must go on. */
    void turn() {
      Map<Submitted, Integer> before = new HashMap<>();
      for (Submitted one : submitted) {
        if (one.open() && !one.submission().paused()) {
          before.put(one, one.submission().sequence().held());
        }
      }
      long failed = decoder.stepsFailed();
      loop.turn();
      clock.addAndGet(TURN_NANOS);
      Optional<Submitted> first =
          before.keySet().stream()
              .filter(one -> !one.open() || one.submission().sequence().admitted())
              .min(Comparator.comparingLong(one -> one.submission().arrival()));
      assertTrue(
          before.isEmpty()
              || decoder.stepsFailed() > failed
              || !first.orElseThrow().open()
              || first.get().submission().sequence().held() > before.get(first.get()),
          "the first made no progress");
      long ended = submitted.stream().filter(Submitted::inError).count();
      long retries = decoder.steps() / stepsToRetry;
      assertTrue(
          decoder.stepsWithoutMemory() <= 1 + ended + retries,
          "it was known that there is no more");
      SchedulerStats stats = loop.stats();
      assertTrue(stats.usedBlocks() + stats.cachedBlocks() <= settings.blocks(), stats.toString());
    }

    void disturb() {
      for (int i = random.nextInt(3); i > 0; i--) {
        submit();
      }
      if (!submitted.isEmpty()) {
        Submission any = submitted.get(random.nextInt(submitted.size())).submission();
        switch (random.nextInt(16)) {
          case 0 -> any.cancel();
          case 1, 2 -> any.pause();
          case 3 -> decoder.memoryFor(memory + random.nextInt(settings.blocks() - memory + 1));
          default -> {
            if (random.nextBoolean()) {
              any.resume();
            }
          }
        }
      }
    }

    private void submit() {
      Recorder events = new Recorder();
      Fault fault =
          random.nextDouble() < faultRate ? FAULTS.get(random.nextInt(FAULTS.size())) : Fault.NONE;
      GenerationRequest request = faulty(request(events), fault, random.nextInt(4));
      Submission submission = new Submission(request, clock::get, queue::signal);
      try {
        queue.add(List.of(submission));
        submitted.add(new Submitted(request, events, submission, fault));
      } catch (RejectedException e) {
        assertEquals(RejectedException.Reason.QUEUE_FULL, e.reason());
      }
    }

    private int[] prompt() {
      int[] beginning = beginnings.get(random.nextInt(beginnings.size()));
      int[] prompt = Arrays.copyOf(beginning, 1 + random.nextInt(CONTEXT - 56));
      for (int i = random.nextInt(prompt.length + 1); i < prompt.length; i++) {
        prompt[i] = random.nextInt(HashDecoder.VOCABULARY);
      }
      return prompt;
    }

    private GenerationRequest request(Recorder events) {
      int[] prompt = prompt();
      List<String> stops = new ArrayList<>();
      for (int i = random.nextInt(3); i > 0; i--) {
        stops.add(Letters.of(random.nextInt(3)).repeat(2 + random.nextInt(4)));
      }
      if (stops.size() == 1) {
        stops.add(Letters.ended(1));
      }
      SamplingParameters parameters =
          SamplingParameters.builder()
              .maxNewTokens(random.nextInt(random.nextBoolean() ? 20 : CONTEXT - prompt.length))
              .temperature(random.nextInt(3) == 0 ? 0 : 0.2 + random.nextDouble())
              .topK(random.nextInt(3) * random.nextInt(8))
              .topP(random.nextBoolean() ? 1 : random.nextDouble())
              .repetitionPenalty(random.nextBoolean() ? 1 : 1.3)
              .presencePenalty(random.nextBoolean() ? 0 : 0.5)
              .seed(random.nextLong())
              .stops(stops)
              .topLogprobs(random.nextInt(3))
              .build();
      Set<Integer> ends = random.nextBoolean() ? Set.of(1, 2) : Set.of();
      OptionalInt scores = random.nextInt(6) == 0 ? OptionalInt.of(1) : OptionalInt.empty();
      Optional<Duration> deadline =
          random.nextInt(8) == 0
              ? Optional.of(Duration.ofNanos(random.nextInt(100 * TURN_NANOS)))
              : Optional.empty();
      return new GenerationRequest(
          prompt, parameters, ends, scores, new Letters(), events, deadline);
    }

    /** Returns the request with a fault, which shows at the answer's token {@code at} or before. */
    private GenerationRequest faulty(GenerationRequest good, Fault fault, int at) {
      return new GenerationRequest(
          switch (fault) {
            case REFUSED_TOKEN -> with(HashDecoder.REFUSED, good.prompt());
            case NOT_FINITE -> with(HashDecoder.NOT_FINITE, good.prompt());
            case POISON -> with(HashDecoder.POISON, good.prompt());
            default -> good.prompt();
          },
          fault == Fault.SAMPLER
              ? good.parameters().toBuilder().logitBias(Map.of(1000, 1f)).build()
              : good.parameters(),
          good.endOfSequence(),
          good.promptScores(),
          fault == Fault.TEXT ? new FaultyText(at) : good.text(),
          switch (fault) {
            case LISTENER -> new FaultyListener(good.listener(), at);
            case PROMPT_READ -> new FaultyListener(good.listener(), -1);
            default -> good.listener();
          },
          good.timeout());
    }

    private int[] with(int token, int[] prompt) {
      prompt[random.nextInt(prompt.length)] = token;
      return prompt;
    }

    /** Lets all end; returns whether they were cut short instead. */
    boolean finish() {
      boolean cut = random.nextInt(4) == 0;
      if (!cut) {
        submitted.forEach(one -> one.submission().resume());
        // Each turn the first reads a token at least; none comes before it any more.
        long max = submitted.stream().mapToInt(one -> one.request().capacity() + 1).sum();
        long failed = decoder.stepsFailed();
        for (long turn = 0; submitted.stream().anyMatch(Submitted::open); turn++) {
          assertTrue(turn - (decoder.stepsFailed() - failed) <= max, "more turns than tokens");
          turn();
        }
      }
      queue.close();
      loop.endAll(Finish.Reason.CANCELLED, Optional.empty());
      return cut;
    }
  }

  /** Throws instead of the text of one token. */
  private static final class FaultyText implements TextDecoder {
    private final Letters letters = new Letters();
    private int left;

    FaultyText(int at) {
      left = at;
    }

    @Override
    public String add(int token) {
      if (left-- == 0) {
        throw new IllegalStateException("no text");
      }
      return letters.add(token);
    }

    @Override
    public String flush() {
      return letters.flush();
    }

    @Override
    public String ending(int token) {
      return letters.ending(token);
    }
  }

  /**
   * Throws at one token, or at the end of the prompt.
   *
   * @param at index of the token; -1: the prompt
   */
  private record FaultyListener(GenerationListener good, int at) implements GenerationListener {
    @Override
    public void promptRead(int cachedTokens) {
      good.promptRead(cachedTokens);
      if (at < 0) {
        throw new StackOverflowError("the listener failed");
      }
    }

    @Override
    public void prompt(List<TokenScore> scores, List<List<TokenScore>> top) {
      good.prompt(scores, top);
    }

    @Override
    public void token(GeneratedToken token) {
      good.token(token);
      if (token.index() == at) {
        throw new IllegalStateException("the listener failed");
      }
    }

    @Override
    public void finished(Finish finish) {
      good.finished(finish);
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void everyRequestEndsOnceAsItWouldAlone(long seed) {
    Seeds.given(seed);
    Run run = new Run(seed);
    for (int turn = 0; turn < 60; turn++) {
      run.disturb();
      run.turn();
    }
    boolean cut = run.finish();
    assertEquals(List.of(), run.decoder.violations());
    assertEquals(0, run.queue.started());
    assertEquals(0, run.queue.waiting());
    SchedulerStats stats = run.loop.stats();
    assertEquals(0, stats.usedBlocks(), "blocks that nobody holds");
    assertEquals(0, stats.running() + stats.waiting());
    for (Submitted one : run.submitted) {
      check(one, cut, run);
    }
  }

  /** Returns whether the fault must have ended the request by its {@code tokens}-th token. */
  private static boolean shows(Submitted one, int tokens) {
    return switch (one.fault()) {
      case NONE -> false;
      case REFUSED_TOKEN, NOT_FINITE, POISON, PROMPT_READ -> true;
      case SAMPLER -> one.request().parameters().maxNewTokens() > 0;
      case TEXT, LISTENER -> tokens > 4;
    };
  }

  /** Returns the request as it would be without its fault. */
  private static GenerationRequest sound(GenerationRequest request) {
    return new GenerationRequest(
        Arrays.stream(request.prompt()).map(t -> t % HashDecoder.VOCABULARY).toArray(),
        request.parameters().toBuilder().logitBias(Map.of()).build(),
        request.endOfSequence(),
        request.promptScores(),
        request.text(),
        request.listener(),
        Optional.empty());
  }

  private static void check(Submitted one, boolean cut, Run run) {
    NaiveGeneration alone = NaiveGeneration.of(sound(one.request()));
    Finish finish = one.events().finish().orElseThrow();
    List<Integer> ids = one.events().ids();
    assertEquals(one.request().prompt().length, finish.usage().promptTokens());
    int untold = one.fault() == Fault.TEXT && finish.reason() == Finish.Reason.ERROR ? 1 : 0;
    int generated = finish.usage().generatedTokens();
    assertTrue(ids.size() == generated || ids.size() + untold == generated);
    if (shows(one, ids.size())) {
      assertTrue(
          Set.of(Finish.Reason.ERROR, Finish.Reason.CANCELLED, Finish.Reason.DEADLINE)
              .contains(finish.reason()),
          () -> one.fault() + " was not noticed");
    }
    OptionalInt cached = one.events().cached();
    assertTrue(cached.isPresent() || ids.isEmpty());
    assertEquals(0, cached.orElse(0) % Decoder.BLOCK_TOKENS);
    assertTrue(cached.orElse(0) < finish.usage().promptTokens());
    switch (finish.reason()) {
      case ERROR, CANCELLED, DEADLINE -> {
        // The fake's text comes a token late, so a stop string is seen up to a token late.
        int same = Math.min(alone.tokens().size(), ids.size());
        assertTrue(ids.size() <= same + 1);
        assertEquals(alone.tokens().subList(0, same), ids.subList(0, same), "not a start of it");
        assertTrue(alone.text().startsWith(one.events().text()), "not a start of the text");
        switch (finish.reason()) {
          case ERROR -> {
            assertTrue(!finish.error().orElseThrow().isEmpty());
            int tokens = finish.usage().promptTokens() + ids.size();
            assertTrue(
                run.failureRate > 0
                    || one.fault() != Fault.NONE
                    || Decoder.blocksFor(tokens) > run.memory,
                "there was memory for it, and nothing was wrong with it");
          }
          case DEADLINE -> assertTrue(one.request().timeout().isPresent());
          default ->
              assertTrue(
                  cut || one.submission().endReason().equals(Optional.of(Finish.Reason.CANCELLED)),
                  "cancelled by nobody");
        }
      }
      case LENGTH, EOS_TOKEN, STOP_SEQUENCE -> {
        assertEquals(alone.text(), one.events().text());
        assertEquals(alone.reason(), finish.reason());
        assertEquals(alone.tokens(), ids.subList(0, alone.tokens().size()));
        int scored = one.request().promptScores().isPresent() ? finish.usage().promptTokens() : 0;
        assertEquals(scored, one.events().promptScores().size());
      }
    }
  }
}
