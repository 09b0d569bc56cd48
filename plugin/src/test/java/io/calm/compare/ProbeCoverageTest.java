package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * The interval of a probe on simulated noise: where the memory of an opening lies, which plan was
 * opened first, drift, disturbances, and the noise of a step.
 */
class ProbeCoverageTest {
  /** Percent by which the served plan is slower. */
  private static final double TRUE = 0.4;

  private static final int PROBES = 400;
  private static final int ROUNDS = 6;

  /**
   * The noise of a machine, as shares of the time of a step.
   *
   * @param placement standard deviation over openings
   * @param order what the plan gains that is opened first
   * @param first what the first step of a four loses
   * @param step standard deviation of a step
   * @param disturbed share of steps that a disturbance hits, and makes up to twice as long
   * @param badOpenings share of openings that lie badly, and are 5 % off
   */
  private record Noise(
      double placement,
      double order,
      double first,
      double step,
      double disturbed,
      double badOpenings) {}

  /** The steps of one kind on a noisy machine. */
  private static final class Machine {
    private final Noise noise;
    private final Random random;
    private double drift = 1;

    Machine(Noise noise, long seed) {
      this.noise = noise;
      this.random = new Random(seed);
    }

    /** Returns the times of an opening. */
    PairedTimes open(boolean uniformFirst) {
      double placed = 1 + noise.placement() * random.nextGaussian();
      placed += random.nextDouble() < noise.badOpenings() ? 0.05 : 0;
      placed *= uniformFirst ? 1 + noise.order() : 1 - noise.order();
      double ofServed = (1 + TRUE / 100) * placed;
      List<Double> served = new ArrayList<>();
      List<Double> uniform = new ArrayList<>();
      for (int round = 0; round < ROUNDS; round++) {
        four(ofServed, served, 1, uniform);
        four(1, uniform, ofServed, served);
      }
      return new PairedTimes(StepShape.decode(1), served, uniform);
    }

    private void four(double outer, List<Double> ofOuter, double inner, List<Double> ofInner) {
      ofOuter.add(millis(outer) * (1 + noise.first()));
      ofInner.add(millis(inner));
      ofInner.add(millis(inner));
      ofOuter.add(millis(outer));
    }

    private double millis(double mean) {
      drift *= 1 + 0.001 * random.nextGaussian();
      double disturbance = random.nextDouble() < noise.disturbed() ? random.nextDouble() : 0;
      return 10 * mean * drift * (1 + noise.step() * random.nextGaussian()) * (1 + disturbance);
    }
  }

  /** The outcome of many probes. */
  private record Coverage(double held, double halfWidth, double openings) {}

  private static Coverage probe(Noise noise, Openings openings) {
    Machine machine = new Machine(noise, Seeds.next());
    int held = 0;
    double halfWidth = 0;
    double opened = 0;
    for (int i = 0; i < PROBES; i++) {
      List<PairedTimes> all = new ArrayList<>();
      while (!openings.enough(all)) {
        all.add(machine.open(all.size() % 2 == 1));
      }
      Deviation deviation = ProbeRow.of(all).deviation();
      held += deviation.low() <= TRUE && TRUE <= deviation.high() ? 1 : 0;
      halfWidth += deviation.halfWidth() / PROBES;
      opened += (double) all.size() / PROBES;
    }
    return new Coverage((double) held / PROBES, halfWidth, opened);
  }

  @Test
  void theIntervalHoldsTheTrueDeviationNineteenTimesOfTwenty() {
    for (Noise noise :
        List.of(
            new Noise(0.004, 0, 0, 0.01, 0, 0),
            new Noise(0.004, 0.01, 0.05, 0.01, 0.02, 0),
            new Noise(0.0005, 0, 0.01, 0.03, 0.1, 0))) {
      Coverage fixed = probe(noise, new Openings(16, 16, -1));
      Coverage adaptive = probe(noise, new Openings(16, 24, 0.25));
      assertTrue(fixed.held() > 0.92, noise + ": " + fixed);
      assertTrue(adaptive.held() > 0.92, noise + ": " + adaptive);
    }
  }

  /** Three of ten steps take up to twice as long. */
  @Test
  void disturbedStepsDoNotWidenIt() {
    Coverage quiet = probe(new Noise(0.003, 0, 0, 0.01, 0, 0), new Openings(16, 16, -1));
    Coverage disturbed = probe(new Noise(0.003, 0, 0, 0.01, 0.3, 0), new Openings(16, 16, -1));
    assertTrue(disturbed.held() > 0.92, disturbed.toString());
    assertTrue(disturbed.halfWidth() < 2 * quiet.halfWidth(), quiet + ", " + disturbed);
  }

  @Test
  void moreOpeningsNarrowTheInterval() {
    Noise noise = new Noise(0.004, 0.003, 0.02, 0.01, 0.02, 0);
    Coverage few = probe(noise, new Openings(6, 6, -1));
    Coverage many = probe(noise, new Openings(24, 24, -1));
    assertTrue(many.halfWidth() < few.halfWidth() / 2, few + ", " + many);
    assertTrue(many.halfWidth() < 0.3, many.toString());
  }

  @Test
  void aFewBadOpeningsDoNotWidenIt() {
    Coverage clean = probe(new Noise(0.003, 0, 0, 0.01, 0, 0), new Openings(24, 24, -1));
    Coverage bad = probe(new Noise(0.003, 0, 0, 0.01, 0, 0.03), new Openings(24, 24, -1));
    assertTrue(bad.halfWidth() < 1.5 * clean.halfWidth(), clean + ", " + bad);
  }

  @Test
  void aProbeOfSteadyStepsEndsEarly() {
    Noise steady = new Noise(0.001, 0, 0, 0.005, 0, 0);
    Coverage coverage = probe(steady, new Openings(16, 24, 0.25));
    assertTrue(coverage.openings() < 18, coverage.toString());
    assertTrue(coverage.halfWidth() < 0.25, coverage.toString());
  }
}
