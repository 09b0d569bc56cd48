package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random requests, cancellations and failures, turn by turn, against {@link NaiveGeneration}: each
 * ends exactly once, what ended well is what it is alone, and nothing stays open.
 */
class SchedulerFuzzTest {

  static LongStream seeds() {
    long fresh = System.nanoTime();
    System.out.println("SchedulerFuzzTest: fresh seed " + fresh);
    return LongStream.concat(LongStream.range(0, 150), LongStream.of(fresh));
  }

  private record Submitted(GenerationRequest request, Recorder events, Ticket ticket) {}

  @ParameterizedTest
  @MethodSource("seeds")
  void everyRequestEndsOnceAsItWouldAlone(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    SchedulerSettings settings =
        new SchedulerSettings(
            40,
            40 + random.nextInt(80),
            1 + random.nextInt(6),
            1 + random.nextInt(20),
            1 + random.nextInt(24));
    double failureRate = random.nextInt(3) == 0 ? 0.05 : 0;
    HashDecoder decoder = new HashDecoder(settings, random.split(), failureRate);
    RequestQueue queue = new RequestQueue(settings);
    StepLoop loop = new StepLoop(decoder, settings, queue);
    AtomicLong clock = new AtomicLong();
    List<Submitted> submitted = new ArrayList<>();
    for (int turn = 0; turn < 60; turn++) {
      for (int i = random.nextInt(3); i > 0; i--) {
        submit(random, queue, clock, submitted);
      }
      if (!submitted.isEmpty() && random.nextInt(12) == 0) {
        submitted.get(random.nextInt(submitted.size())).ticket().cancel();
      }
      loop.turn();
      clock.addAndGet(1000);
    }
    boolean cut = random.nextInt(4) == 0;
    for (int turn = 0; !cut && turn < 4000 && queue.running() + queue.waiting() > 0; turn++) {
      loop.turn();
    }
    queue.close();
    loop.endAll();

    assertEquals(0, decoder.open(), "sequences left open");
    assertEquals(0, queue.running());
    assertEquals(0, queue.waiting());
    for (Submitted one : submitted) {
      check(one, cut, failureRate > 0);
    }
  }

  private static void submit(
      SplittableRandom random, RequestQueue queue, AtomicLong clock, List<Submitted> submitted) {
    Recorder events = new Recorder();
    GenerationRequest request = request(random, events);
    Ticket ticket = new Ticket(request, clock::get);
    try {
      queue.add(List.of(ticket));
      submitted.add(new Submitted(request, events, ticket));
    } catch (RejectedException e) {
      assertEquals(RejectedException.Reason.QUEUE_FULL, e.reason());
    }
  }

  private static GenerationRequest request(SplittableRandom random, Recorder events) {
    int[] prompt = random.ints(1 + random.nextInt(20), 0, HashDecoder.VOCABULARY).toArray();
    List<String> stops = new ArrayList<>();
    for (int i = random.nextInt(3); i > 0; i--) {
      stops.add(Letters.of(random.nextInt(3)).repeat(1 + random.nextInt(4)));
    }
    SamplingParameters parameters =
        SamplingParameters.builder()
            .maxNewTokens(random.nextInt(20))
            .temperature(random.nextInt(3) == 0 ? 0 : 0.2 + random.nextDouble())
            .topK(random.nextInt(3) * random.nextInt(8))
            .topP(random.nextBoolean() ? 1 : random.nextDouble())
            .repetitionPenalty(random.nextBoolean() ? 1 : 1.3)
            .presencePenalty(random.nextBoolean() ? 0 : 0.5)
            .seed(random.nextLong())
            .stops(stops)
            .ignoreEos(random.nextInt(5) == 0)
            .topLogprobs(random.nextInt(3))
            .build();
    Set<Integer> ends = random.nextBoolean() ? Set.of(1, 2) : Set.of();
    OptionalInt scores = random.nextInt(6) == 0 ? OptionalInt.of(1) : OptionalInt.empty();
    return new GenerationRequest(prompt, parameters, ends, scores, new Letters(), events);
  }

  private static void check(Submitted one, boolean cut, boolean failing) {
    NaiveGeneration alone = NaiveGeneration.of(one.request());
    Finish finish = one.events().finish().orElseThrow();
    List<Integer> ids = one.events().ids();
    assertEquals(one.request().prompt().length, finish.usage().promptTokens());
    assertEquals(ids.size(), finish.usage().generatedTokens());
    assertEquals(finish.text(), one.events().text());
    switch (finish.reason()) {
      case ERROR, CANCELLED -> {
        assertEquals(alone.tokens().subList(0, ids.size()), ids, "not a start of the answer");
        assertTrue(alone.text().startsWith(finish.text()), "not a start of the text");
        if (finish.reason() == Finish.Reason.ERROR) {
          assertTrue(failing && !finish.error().orElseThrow().isEmpty());
        } else {
          assertTrue(cut || one.ticket().cancelled(), "cancelled by nobody");
        }
      }
      case LENGTH, EOS_TOKEN, STOP_SEQUENCE -> {
        assertEquals(alone.text(), finish.text());
        assertEquals(alone.reason(), finish.reason());
        // The fake's text comes a token late, so a stop string is seen up to a token late.
        assertEquals(alone.tokens(), ids.subList(0, alone.tokens().size()));
        int scored = one.request().promptScores().isPresent() ? finish.usage().promptTokens() : 0;
        assertEquals(scored, one.events().promptScores().size());
      }
    }
  }
}
