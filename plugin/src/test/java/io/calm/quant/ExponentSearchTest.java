package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.tensor.Matrix;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
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
    SplittableRandom random = new SplittableRandom(seed);
    TreeSet<Double> tried = new TreeSet<>();
    Fold.Choice choice;
    try (Matrix weight = LinearStage.gaussian(random, 32, INPUTS);
        Matrix rows = rows(random);
        LinearStage stage = new LinearStage(weight, rows, 32);
        StageProblem problem = stage.problem()) {
      choice =
          ExponentSearch.best(
              problem,
              true,
              new NearestRounding(true),
              EXPONENTS,
              alpha -> {
                tried.add(alpha);
                float[] scales = new float[INPUTS];
                for (int k = 0; k < INPUTS; k++) {
                  scales[k] = k % 8 == 0 ? (float) Math.pow(30, alpha) : 1;
                }
                return scales;
              });
    }
    assertTrue(choice.detail().startsWith("alpha "), choice.detail());
    double chosen = Double.parseDouble(choice.detail().substring(6, 10));
    TreeSet<Double> expected = new TreeSet<>(List.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9));
    tried.stream().filter(alpha -> !expected.contains(alpha)).forEach(expected::add);
    assertEquals(expected, tried, "every second one");
    List<Double> neighbours = tried.stream().filter(ExponentSearchTest::isOdd).toList();
    assertTrue(neighbours.size() <= 2, neighbours.toString());
    assertTrue(
        isOdd(chosen) || neighbours.stream().anyMatch(alpha -> Math.abs(alpha - chosen) < 0.06),
        chosen + " of " + tried);
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
}
