package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.DoubleConsumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The exponents that are tried: every second one, and the neighbours of the best. */
class ExponentSearchTest {
  private static final int INPUTS = 64;
  private static final double[] EXPONENTS =
      IntStream.range(0, 20).mapToDouble(i -> i / 20.0).toArray();

  /** Every eighth input is 30 times as large; the family multiplies its weights by 30^alpha. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void neighboursOfTheBestAreTried(long seed) {
    TreeSet<Double> tried = new TreeSet<>();
    Fold.Choice choice = choose(seed, new NearestRounding(true), EXPONENTS, tried::add);
    assertTrue(choice.detail().startsWith("alpha "), choice.detail());
    double chosen = Double.parseDouble(choice.detail().substring(6, 10));
    List<Double> neighbours = tried.stream().filter(ExponentSearchTest::isOdd).toList();
    assertEquals(
        9, tried.size() - neighbours.size(), "every second one but the identity: " + tried);
    assertEquals(2, neighbours.size(), neighbours.toString());
    assertEquals(0.1, neighbours.get(1) - neighbours.get(0), 1e-9, neighbours.toString());
    assertTrue(
        isOdd(chosen) || neighbours.stream().anyMatch(alpha -> Math.abs(alpha - chosen) < 0.06),
        chosen + " of " + tried);
  }

  /** Before error feedback: the identity leads, as s and s^0.5 fail, so s^0.25 is tried. */
  @Test
  void theMildestPowerIsTheNeighbourOfTheIdentity() {
    AtomicInteger calls = new AtomicInteger();
    Rounding nearest = new NearestRounding(true);
    Rounding feedback =
        problem -> {
          int call = calls.incrementAndGet();
          if (call == 2 || call == 3) {
            throw new QuantizationException("too strong");
          }
          return nearest.round(problem);
        };
    Rounding rounding =
        new Rounding() {
          @Override
          public QuantizedMatrix round(RoundingProblem problem) {
            return nearest.round(problem);
          }

          @Override
          public Optional<Rounding> roundingForFolds() {
            return Optional.of(feedback);
          }
        };
    Fold.Choice choice = choose(1, rounding, new double[] {0.5}, alpha -> {});
    assertEquals(4, calls.get(), choice.detail());
    assertTrue(choice.detail().startsWith("power 0.25"), choice.detail());
  }

  private static Fold.Choice choose(
      long seed, Rounding rounding, double[] exponents, DoubleConsumer tried) {
    SplittableRandom random = new SplittableRandom(seed);
    try (Matrix weight = LinearStage.gaussian(random, 32, INPUTS);
        Matrix rows = rows(random);
        LinearStage stage = new LinearStage(weight, rows, 32);
        StageProblem problem = stage.problem()) {
      return ExponentSearch.best(
          problem,
          true,
          rounding,
          exponents,
          alpha -> {
            tried.accept(alpha);
            float[] scales = new float[INPUTS];
            for (int k = 0; k < INPUTS; k++) {
              scales[k] = k % 8 == 0 ? (float) Math.pow(30, alpha) : 1;
            }
            return scales;
          });
    }
  }

  private static boolean isOdd(double alpha) {
    return Math.round(20 * alpha) % 2 == 1;
  }

  private static Matrix rows(SplittableRandom random) {
    Matrix rows = LinearStage.gaussian(random, 200, INPUTS);
    for (int t = 0; t < rows.rows(); t++) {
      for (int k = 0; k < INPUTS; k += 8) {
        rows.set(t, k, 30 * rows.get(t, k));
      }
    }
    return rows;
  }

  /** So that a fold does not depend on the unit of the stream, nor on how silent a channel is. */
  @Test
  void powersKeepTheirRatiosInEveryUnit() {
    for (float unit : new float[] {1, 1e-3f, 1e-6f}) {
      float[] powers = ExponentSearch.power(new float[] {unit, 1e-2f * unit, 1e-6f * unit, 0}, 0.5);
      assertEquals(10, powers[0] / powers[1], 1e-4);
      assertEquals(100, powers[0] / powers[2], 1e-3);
      assertEquals(100, powers[0] / powers[3], 1e-3);
    }
    assertEquals(1, ExponentSearch.power(new float[] {0, 0}, 0)[0]);
  }
}
