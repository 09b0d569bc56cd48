package io.calm.cka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;
import io.calm.testing.Seeds;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class MetricTest {
  private static final SearchKernels KERNELS = KernelVariants.ofThisMachine().searchKernels();
  private static final Metric CKA = Metric.CKA;
  private static final Metric BIASED = Metric.CKA_BIASED;
  private static final Metric MSE = Metric.RELATIVE_MSE;

  private static MetricReference reference(
      Metric metric, Matrix x, ComparedRows rows, int threads) {
    return metric.reference(x, x, rows, threads, KERNELS);
  }

  private static Score score(Metric metric, int threads, float[][] x, float[][] y) {
    return reference(metric, Matrix.of(x), ComparedRows.all(x.length), threads).score(Matrix.of(y));
  }

  private static Score.Value value(Metric metric, float[][] x, float[][] y) {
    Score score = score(metric, 2, x, y);
    if (score instanceof Score.Value value) {
      return value;
    }
    throw new AssertionError(score);
  }

  private static String undefined(Metric metric, float[][] x, float[][] y) {
    Score score = score(metric, 2, x, y);
    if (score instanceof Score.Undefined undefined) {
      return undefined.reason();
    }
    throw new AssertionError(score);
  }

  /** Feature form, Gram form, several tiles of each, sizes that no tile or chunk divides. */
  @ParameterizedTest
  @CsvSource({
    "4,1", "4,2", "4,9", "5,5", "7,3", "3,200", "64,8", "65,129", "129,65", "130,257", "257,130",
    "100,100"
  })
  void agreesWithTheDefinitions(int n, int d) {
    long seed = Seeds.of(31L * n + d);
    RandomMatrices random = new RandomMatrices(seed);
    float[][] x = random.gaussian(n, d);
    float[][] y = random.noisy(x, 0.7);
    String where = "seed " + seed;
    Score.Value got = value(MSE, x, y);
    assertEquals(NaiveCka.relativeMse(x, y), got.relativeMse(), 1e-12, where);
    assertEquals(-got.relativeMse(), got.value(), where);
    assertEquals(NaiveCka.biased(x, y), got.biased(), 1e-10, where);
    double debiased = NaiveCka.debiased(x, y);
    if (n < 4) {
      assertTrue(Double.isNaN(got.debiased()), where);
    } else {
      assertEquals(debiased, got.debiased(), 1e-9 * Math.max(1, Math.abs(debiased)), where);
    }
  }

  @ParameterizedTest
  @CsvSource({"60,20", "20,60", "150,140", "140,150"})
  void isInvariantToRotationScaleAndShift(int n, int d) {
    long seed = Seeds.of(7L * n + d);
    RandomMatrices random = new RandomMatrices(seed);
    float[][] x = random.gaussian(n, d);
    float[][] y = random.noisy(x, 1);
    Score.Value plain = value(CKA, x, y);
    for (float[][] other :
        List.of(random.rotated(y), random.affine(y, -2.5f), random.affine(y, 1e-3f))) {
      Score.Value same = value(CKA, x, other);
      assertEquals(plain.value(), same.value(), 2e-6, "seed " + seed);
      assertEquals(plain.biased(), same.biased(), 2e-6, "seed " + seed);
    }
    assertEquals(1, value(CKA, x, random.affine(x, 3)).value(), 1e-6, "seed " + seed);
  }

  @ParameterizedTest
  @CsvSource({"90,30", "30,90"})
  void isSymmetric(int n, int d) {
    long seed = Seeds.of(n);
    RandomMatrices random = new RandomMatrices(seed);
    float[][] x = random.gaussian(n, d);
    float[][] y = random.noisy(x, 2);
    assertEquals(value(CKA, x, y).value(), value(CKA, y, x).value(), 1e-12, "seed " + seed);
    assertEquals(value(BIASED, x, y).value(), value(BIASED, y, x).value(), 1e-12, "seed " + seed);
  }

  @Test
  void isNearZeroForShuffledRowsWhereTheBiasedValueIsNot() {
    long seed = 5;
    RandomMatrices random = new RandomMatrices(seed);
    float[][] x = random.gaussian(200, 100);
    Score.Value shuffled = value(CKA, x, random.shuffled(x));
    assertTrue(Math.abs(shuffled.value()) < 0.1, () -> "seed " + seed + ": " + shuffled);
    assertTrue(shuffled.biased() > shuffled.debiased(), () -> "seed " + seed + ": " + shuffled);
  }

  @Test
  void gramFormEqualsFeatureForm() {
    long seed = 11;
    RandomMatrices random = new RandomMatrices(seed);
    float[][] x = random.gaussian(40, 40);
    float[][] y = random.noisy(x, 1);
    Score.Value features = value(CKA, x, y);
    Score.Value gram = value(CKA, padded(x), padded(y));
    assertEquals(features.debiased(), gram.debiased(), 1e-11, "seed " + seed);
    assertEquals(features.biased(), gram.biased(), 1e-11, "seed " + seed);
    assertEquals(features.relativeMse(), gram.relativeMse(), 1e-15, "seed " + seed);
  }

  /** A column of zeros changes no value, but makes the features more than the rows. */
  private static float[][] padded(float[][] x) {
    return Arrays.stream(x).map(row -> Arrays.copyOf(row, row.length + 1)).toArray(float[][]::new);
  }

  @ParameterizedTest
  @CsvSource({"700,260", "260,700"})
  void hasTheSameBitsOnAnyNumberOfThreads(int n, int d) {
    RandomMatrices random = new RandomMatrices(3);
    float[][] x = random.gaussian(n, d);
    float[][] y = random.noisy(x, 0.1);
    Score one = score(CKA, 1, x, y);
    assertEquals(one, score(CKA, 2, x, y));
    assertEquals(one, score(CKA, 5, x, y));
  }

  @Test
  void aPreparedReferenceScoresManyCandidatesOnItsRows() {
    RandomMatrices random = new RandomMatrices(9);
    float[][] x = random.gaussian(50, 10);
    x[0] = random.affine(new float[][] {x[0]}, 1000)[0];
    ComparedRows rows = ComparedRows.scalingSinks(Matrix.of(x), 20);
    assertEquals(1, rows.sinks());
    MetricReference prepared = reference(CKA, Matrix.of(x), rows, 2);
    float[][] scaled = RandomMatrices.firstRowTimes(rows.factor(0), x);
    for (double level : new double[] {0.1, 0.5, 2}) {
      float[][] y = random.noisy(x, level);
      assertEquals(
          value(CKA, scaled, RandomMatrices.firstRowTimes(rows.factor(0), y)),
          prepared.score(Matrix.of(y)));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void fewerThanFourRowsHaveNoDebiasedScore(int n) {
    float[][] x = new RandomMatrices(n).gaussian(n, 6);
    assertEquals("cka: expected 4 rows or more, got " + n, undefined(CKA, x, x));
  }

  @Test
  void aConstantMatrixHasNoCka() {
    float[][] x = new RandomMatrices(1).gaussian(12, 5);
    float[][] constant = new float[12][];
    Arrays.fill(constant, new float[] {0.1f, -7.3f, 1e9f, 1e-9f, 3});
    assertEquals(
        "cka-biased: the candidate is the same in all 12 rows", undefined(BIASED, x, constant));
    assertEquals(
        "cka-biased: the reference is the same in all 12 rows", undefined(BIASED, constant, x));
    assertTrue(undefined(CKA, x, constant).contains("rows of the candidate differ too little"));
    assertTrue(undefined(CKA, constant, x).contains("rows of the reference differ too little"));
    assertEquals(0, value(MSE, constant, constant).value());
  }

  /** Differences of less than 1e-12 of the values count as the rounding of a constant matrix. */
  @Test
  void differencesBelowRoundingAreNone() {
    float[][] x = new RandomMatrices(1).gaussian(12, 2);
    float[][] almost = new float[12][];
    for (int i = 0; i < 12; i++) {
      almost[i] = new float[] {1e9f, 1e-4f * i};
    }
    assertEquals(
        "cka-biased: the candidate is the same in all 12 rows", undefined(BIASED, x, almost));
    almost[0][1] = 1;
    assertTrue(value(BIASED, x, almost).value() > 0);
  }

  @Test
  void aZeroMatrixHasNoCkaAndAZeroReferenceNoError() {
    float[][] x = new RandomMatrices(2).gaussian(12, 5);
    float[][] zero = new float[12][5];
    assertTrue(undefined(CKA, x, zero).contains("rows of the candidate differ too little"));
    assertEquals(-1, value(MSE, x, zero).value(), 1e-15);
    assertEquals("relative-mse: all 12 rows of the reference are zero", undefined(MSE, zero, x));
    assertEquals("relative-mse: all 12 rows of the reference are zero", undefined(MSE, zero, zero));
  }

  /** Points at a simplex' corners: the unbiased HSIC is 0, but rounding may make it positive. */
  @Test
  void aSimplexHasNoDebiasedScore() {
    float[][] corners = new float[10][10];
    for (int i = 0; i < 10; i++) {
      corners[i][i] = 3.3f;
    }
    assertTrue(undefined(CKA, corners, corners).contains("differ too little"));
    assertEquals(1, value(BIASED, corners, corners).value(), 1e-12);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void aNumberThatIsNotFiniteIsNamedByRow(float bad) {
    for (Metric metric : List.of(CKA, BIASED, MSE)) {
      float[][] x = new RandomMatrices(4).gaussian(12, 5);
      float[][] y = new RandomMatrices(4).gaussian(12, 5);
      y[7][2] = bad;
      assertEquals("candidate: row 7 has a NaN or infinity", undefined(metric, x, y));
      assertEquals("reference: row 7 has a NaN or infinity", undefined(metric, y, x));
    }
  }

  @Test
  void extremeMagnitudesNeitherOverflowNorVanish() {
    float[][] x = new RandomMatrices(6).gaussian(40, 8);
    float[][] y = new RandomMatrices(6).noisy(x, 0.3);
    double plain = value(CKA, x, y).value();
    for (float factor : new float[] {1e30f, 1e-30f}) {
      float[][] scaled = new float[40][8];
      for (int i = 0; i < 40; i++) {
        for (int k = 0; k < 8; k++) {
          scaled[i][k] = factor * y[i][k];
        }
      }
      assertEquals(plain, value(CKA, x, scaled).value(), 1e-6);
      assertEquals(1, value(CKA, scaled, scaled).value(), 1e-12);
    }
  }

  @Test
  void shapesThatDifferAreRefused() {
    Matrix x = Matrix.allocate(5, 3);
    MetricReference prepared = reference(CKA, x, ComparedRows.all(5), 2);
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> prepared.score(Matrix.allocate(5, 4)));
    assertEquals(
        "candidate: expected the reference's shape Matrix[5, 3], got Matrix[5, 4]",
        refused.getMessage());
    assertThrows(IllegalArgumentException.class, () -> reference(CKA, x, ComparedRows.all(4), 2));
  }

  @Test
  void aComparisonHasAThread() {
    Matrix x = Matrix.allocate(5, 3);
    assertThrows(IllegalArgumentException.class, () -> reference(CKA, x, ComparedRows.all(5), 0));
  }

  @Test
  void aMetricIsSpelledAsItsSetting() {
    assertEquals(
        List.of(
            "cka",
            "cka-biased",
            "cka-contribution",
            "cka-normalized",
            "relative-mse",
            "relative-mse-normalized"),
        Arrays.stream(Metric.values()).map(Metric::setting).toList());
  }
}
