package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Paired steps on decoders whose cost is known. */
class PairedStepsTest {
  private static final int BLOCKS = StepShape.blocks(StepShape.PROBED);
  private static final long MICRO = 1000;

  private final AtomicLong clock = new AtomicLong();

  private TimedDecoder decoder(ToLongFunction<List<Chunk>> cost) {
    return new TimedDecoder(clock, BLOCKS, cost);
  }

  private static List<StepShape> shapes() {
    return StepShape.PROBED;
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void aKnownDifferenceOfCostIsTheDeviation(StepShape shape) {
    TimedDecoder served = decoder(chunks -> 1002 * MICRO);
    TimedDecoder uniform = decoder(chunks -> 1000 * MICRO);
    ProbeRow row = measured(served, uniform, shape, PairedSteps.Limits.exactly(40));
    assertEquals(0.2, row.deviation().percent(), 1e-9);
    assertEquals(0.2, row.deviation().low(), 1e-9);
    assertEquals(0.2, row.deviation().high(), 1e-9);
    assertEquals(160, row.steps());
    assertEquals(new Quantiles(160, 1.002, 1.002, 1.002, 1.002), rounded(row.served()));
    assertEquals(1, row.uniform().p99(), 1e-12);
  }

  private static Quantiles rounded(Quantiles all) {
    return new Quantiles(
        all.count(), Math.rint(all.mean() * 1e6) / 1e6, all.p50(), all.p90(), all.p99());
  }

  @Test
  void driftDoesNotFavorEitherSide() {
    AtomicLong steps = new AtomicLong();
    ToLongFunction<List<Chunk>> drifting = chunks -> 1_000_000 + 100 * steps.incrementAndGet();
    ProbeRow row =
        measured(
            decoder(drifting),
            decoder(drifting),
            StepShape.decode(1),
            PairedSteps.Limits.exactly(100));
    assertEquals(0, row.deviation().percent(), 1e-9);
  }

  @Test
  void aSlowFirstStepOfEachFourFavorsNeitherSide() {
    AtomicLong steps = new AtomicLong();
    ToLongFunction<List<Chunk>> cold = chunks -> steps.getAndIncrement() % 4 == 0 ? 1100 : 1000;
    ProbeRow row =
        measured(
            decoder(cold), decoder(cold), StepShape.prefill(1, 8), PairedSteps.Limits.exactly(20));
    assertEquals(0, row.deviation().percent(), 1e-9);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void bothSidesGetTheSameTokensAtTheSamePositions(StepShape shape) {
    TimedDecoder served = decoder(chunks -> 10);
    TimedDecoder uniform = decoder(chunks -> 10);
    measured(served, uniform, shape, PairedSteps.Limits.exactly(100));
    assertEquals(served.steps.size(), uniform.steps.size());
    for (int step = 0; step < served.steps.size(); step++) {
      List<Chunk> one = served.steps.get(step);
      List<Chunk> other = uniform.steps.get(step);
      assertEquals(one.size(), other.size());
      for (int i = 0; i < one.size(); i++) {
        assertEquals(one.get(i).position(), other.get(i).position());
        assertArrayEquals(one.get(i).tokens(), other.get(i).tokens());
      }
    }
    assertTrue(served.steps.stream().anyMatch(step -> step.size() == shape.sequences()));
  }

  @Test
  void aRoundIsAFourAndItsMirrorImageInRandomOrder() {
    StringBuilder order = new StringBuilder();
    TimedDecoder served = decoder(chunks -> order.append('A').length());
    TimedDecoder uniform = decoder(chunks -> order.append('B').length());
    measured(served, uniform, StepShape.prefill(1, 8), PairedSteps.Limits.exactly(30));
    assertTrue(order.toString().matches("ABBA(ABBABAAB|BAABABBA){30}"), order.toString());
  }

  @Test
  void aNarrowIntervalEndsTheMeasurementEarly() {
    PairedSteps.Limits limits = new PairedSteps.Limits(10, 5000, Duration.ofHours(1), 0.15);
    Random random = new Random(3);
    ToLongFunction<List<Chunk>> steady = chunks -> 1_000_000 + random.nextInt(1000);
    ProbeRow row = measured(decoder(steady), decoder(steady), StepShape.decode(8), limits);
    assertTrue(row.steps() < 400, "steps: " + row.steps());
    assertTrue(row.deviation().halfWidth() <= 0.15, row.toString());
  }

  @Test
  void theTimeLimitEndsAMeasurementOfNoisySteps() {
    PairedSteps.Limits limits = new PairedSteps.Limits(10, 5000, Duration.ofSeconds(1), 0.15);
    Random random = new Random(4);
    ToLongFunction<List<Chunk>> noisy = chunks -> 1_000_000 + random.nextInt(1_000_000);
    ProbeRow row = measured(decoder(noisy), decoder(noisy), StepShape.decode(1), limits);
    assertTrue(row.steps() >= 40 && row.steps() < 1000, "steps: " + row.steps());
    assertTrue(clock.get() < Duration.ofSeconds(2).toNanos());
  }

  @Test
  void stepsThatAreTooSlowHaveNoRow() {
    PairedSteps.Limits limits = new PairedSteps.Limits(10, 5000, Duration.ofSeconds(1), 0.15);
    TimedDecoder slow = decoder(chunks -> Duration.ofSeconds(1).toNanos());
    TimedDecoder other = decoder(chunks -> Duration.ofSeconds(1).toNanos());
    PairedSteps.Outcome outcome =
        new PairedSteps(slow, other, clock::get, 10)
            .measure(StepShape.prefill(1, 8), limits, () -> false);
    assertTrue(outcome.row().isEmpty());
    assertFalse(outcome.stopped());
    assertTrue(slow.steps.size() <= 8, "steps: " + slow.steps.size());
  }

  /** Prompts of 64 tokens before decodes of 8: 16 of them take longer than all decodes. */
  @Test
  void promptsBeforeDecodesTakeNoTimeFromThem() {
    PairedSteps.Limits limits = new PairedSteps.Limits(2, 500, Duration.ofMillis(1250), 0.1);
    ToLongFunction<List<Chunk>> cost = chunks -> chunks.size() == 8 ? millis(200) : millis(400);
    ProbeRow row = measured(decoder(cost), decoder(cost), StepShape.decode(8), limits);
    assertEquals(8, row.steps());
    assertEquals(millis(16 * 400 + 20 * 200), clock.get());
  }

  @Test
  void promptsThatTakeTooLongEndTheMeasurement() {
    PairedSteps.Limits limits = new PairedSteps.Limits(2, 500, Duration.ofMillis(1250), 0.1);
    ToLongFunction<List<Chunk>> cost = chunks -> chunks.size() == 8 ? millis(500) : millis(2000);
    PairedSteps.Outcome outcome =
        new PairedSteps(decoder(cost), decoder(cost), clock::get, 10)
            .measure(StepShape.decode(8), limits, () -> false);
    assertTrue(outcome.row().isEmpty());
    assertFalse(outcome.stopped());
    assertEquals(millis(10_000), clock.get());
  }

  private static long millis(long millis) {
    return 1000 * MICRO * millis;
  }

  @Test
  void aBusyModelStopsBeforeTheNextStep() {
    for (int before = 0; before < 60; before += 7) {
      int allowed = before;
      TimedDecoder served = decoder(chunks -> 10);
      TimedDecoder uniform = decoder(chunks -> 10);
      AtomicInteger asked = new AtomicInteger();
      PairedSteps.Outcome outcome =
          new PairedSteps(served, uniform, clock::get, 10)
              .measure(
                  StepShape.decode(8),
                  PairedSteps.Limits.exactly(100),
                  () -> asked.getAndIncrement() >= allowed);
      assertTrue(outcome.stopped());
      assertTrue(outcome.row().isEmpty());
      assertEquals(allowed, served.steps.size() + uniform.steps.size());
    }
  }

  @Test
  void whatWasMeasuredBeforeAStopIsKeptIfItIsEnough() {
    PairedSteps.Limits limits = new PairedSteps.Limits(10, 5000, Duration.ofHours(1), -1);
    AtomicInteger asked = new AtomicInteger();
    PairedSteps.Outcome outcome =
        new PairedSteps(decoder(chunks -> 11), decoder(chunks -> 10), clock::get, 10)
            .measure(StepShape.prefill(1, 8), limits, () -> asked.getAndIncrement() >= 130);
    assertTrue(outcome.stopped());
    assertEquals(10, outcome.row().orElseThrow().deviation().percent(), 1e-9);
  }

  @Test
  void allBlocksAreFreeAgainAfterAMeasurement() {
    TimedDecoder served = decoder(chunks -> 10);
    TimedDecoder uniform = decoder(chunks -> 10);
    PairedSteps steps = new PairedSteps(served, uniform, clock::get, 10);
    List<ProbeRow> rows = new ArrayList<>();
    for (int round = 0; round < 3; round++) {
      for (StepShape shape : StepShape.PROBED) {
        steps
            .measure(shape, PairedSteps.Limits.exactly(20), () -> false)
            .row()
            .ifPresent(rows::add);
      }
    }
    assertEquals(3 * StepShape.PROBED.size(), rows.size());
    assertTrue(BLOCKS <= 8 * Decoder.blocksFor(StepShape.DECODED));
  }

  private ProbeRow measured(
      Decoder served, Decoder uniform, StepShape shape, PairedSteps.Limits limits) {
    return new PairedSteps(served, uniform, clock::get, 10)
        .measure(shape, limits, () -> false)
        .row()
        .orElseThrow();
  }
}
