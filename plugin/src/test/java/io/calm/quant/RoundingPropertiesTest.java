package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.quant.gptq.GptqQuantizer;
import io.calm.quant.gptq.QepQuantizer;
import io.calm.tensor.Float16;
import io.calm.tensor.JavaLinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Properties of every rounding, for any matrix. */
class RoundingPropertiesTest {
  private static final Rounding GPTQ = new GptqQuantizer().rounding().orElseThrow();
  private static final List<Rounding> ALL =
      List.of(
          new NearestRounding(false),
          new NearestRounding(true),
          GPTQ,
          new QepQuantizer().rounding().orElseThrow());

  private static Matrix random(SplittableRandom random, int rows, int columns) {
    Matrix matrix = Matrix.allocate(rows, columns);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        matrix.set(r, c, (float) (random.nextGaussian() * (c % 7 == 3 ? 8 : 1)));
      }
    }
    return matrix;
  }

  private static QuantizedMatrix round(Rounding rounding, Matrix weight, Matrix x, int group) {
    try (LinearStage stage = new LinearStage(weight, x, group);
        StageProblem problem = stage.problem()) {
      return rounding.round(problem.rounding());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 32, 128",
    "3, 100, 128",
    "17, 130, 64",
    "5, 192, 128",
    "9, 320, 64",
    "2, 128, 128"
  })
  void codesAndGridsAreInRange(int outputs, int inputs, int group) {
    long seed = outputs * 1000L + inputs;
    SplittableRandom random = new SplittableRandom(seed);
    Matrix weight = random(random, outputs, inputs);
    Matrix x = random(random, 2 * inputs, inputs);
    for (Rounding rounding : ALL) {
      QuantizedMatrix got = round(rounding, weight, x, group);
      for (byte code : got.codes()) {
        assertTrue(code >= 0 && code <= 15, rounding + " code " + code + ", seed " + seed);
      }
      for (int i = 0; i < got.scales().length; i++) {
        float scale = got.scales()[i];
        assertTrue(scale >= Float16.MIN_NORMAL, rounding + " scale " + scale + ", seed " + seed);
        assertEquals(Float16.round(scale), scale, "a float16 value");
        assertEquals(Float16.round(got.minimums()[i]), got.minimums()[i], "a float16 value");
      }
    }
  }

  /** The oracle is the definition: nearest codes on the same weighted grid, without feedback. */
  @ParameterizedTest
  @CsvSource({"11", "12", "13", "14", "15"})
  void gptqIsNeverWorseThanRtnOnTheSameHessian(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Matrix weight = random(random, 24, 160);
    Matrix mixing = random(random, 160, 160);
    Matrix x = new JavaLinearAlgebra().multiplyTransposed(random(random, 400, 160), mixing);
    double nearest =
        LinearStage.outputError(
            x, weight, round(new NearestRounding(true), weight, x, 32).dequantize());
    double gptq = LinearStage.outputError(x, weight, round(GPTQ, weight, x, 32).dequantize());
    assertTrue(gptq <= nearest, "seed %d: gptq %g, rtn %g".formatted(seed, gptq, nearest));
  }

  /**
   * With fewer tokens than inputs, X'X is singular. Error feedback along it fits the tokens, and
   * without shrinkage the error on other tokens is 1.1 to 2 times that of the nearest codes.
   */
  @ParameterizedTest
  @CsvSource({"32, 21", "64, 22", "96, 23", "160, 24", "320, 25"})
  void fewTokensDoNotMakeGptqWorseThanNearestCodesOnOtherTokens(int tokens, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Matrix weight = random(random, 24, 160);
    Matrix mixing = decaying(random, 160);
    Matrix fit = correlated(random, tokens, mixing);
    Matrix others = correlated(random, 2000, mixing);
    double nearest =
        LinearStage.outputError(
            others, weight, round(new NearestRounding(true), weight, fit, 32).dequantize());
    double gptq =
        LinearStage.outputError(others, weight, round(GPTQ, weight, fit, 32).dequantize());
    assertTrue(
        gptq <= 1.03 * nearest,
        "%d tokens, seed %d: gptq %g, rtn %g".formatted(tokens, seed, gptq, nearest));
  }

  /** A mixing of independent inputs whose covariance has a spectrum that decays. */
  private static Matrix decaying(SplittableRandom random, int size) {
    Matrix mixing = Matrix.allocate(size, size);
    for (int r = 0; r < size; r++) {
      for (int c = 0; c < size; c++) {
        mixing.set(r, c, (float) (random.nextGaussian() / Math.sqrt(1 + c)));
      }
    }
    return mixing;
  }

  private static Matrix correlated(SplittableRandom random, int rows, Matrix mixing) {
    Matrix independent = Matrix.allocate(rows, mixing.columns());
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < mixing.columns(); c++) {
        independent.set(r, c, (float) random.nextGaussian());
      }
    }
    return new JavaLinearAlgebra().multiplyTransposed(independent, mixing);
  }

  /** The oracle is the aim: the full-precision output, on tokens that nothing was fitted on. */
  @ParameterizedTest
  @CsvSource({"31", "32", "33", "34"})
  void qepIsCloserToFullPrecisionWhereTheInputsDeviate(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Matrix weight = random(random, 24, 96);
    Matrix mixing = decaying(random, 96);
    Matrix full = correlated(random, 1200, mixing);
    Matrix quantized = deviating(random, full);
    Matrix fit = rows(quantized, 0, 600);
    double gptq = qep(weight, fit, Optional.empty(), full, quantized);
    double same = qep(weight, fit, Optional.of(fit), full, quantized);
    double qep = qep(weight, fit, Optional.of(rows(full, 0, 600)), full, quantized);
    assertEquals(gptq, same, "seed %d: without deviation, qep is gptq".formatted(seed));
    assertTrue(qep < 0.7 * gptq, "seed %d: qep %g, gptq %g".formatted(seed, qep, gptq));
  }

  /** Returns the error of the second half of the tokens against the full-precision output. */
  private static double qep(
      Matrix weight, Matrix fit, Optional<Matrix> fullFit, Matrix full, Matrix quantized) {
    Matrix rounded;
    try (LinearStage stage = new LinearStage(weight, fit, 32, fullFit);
        StageProblem problem = stage.problem()) {
      rounded = new QepQuantizer().rounding().orElseThrow().round(problem.rounding()).dequantize();
    }
    double sum = 0;
    for (int t = 600; t < 1200; t++) {
      for (int n = 0; n < weight.rows(); n++) {
        double difference = 0;
        for (int k = 0; k < weight.columns(); k++) {
          difference +=
              (double) full.get(t, k) * weight.get(n, k)
                  - (double) quantized.get(t, k) * rounded.get(n, k);
        }
        sum += difference * difference;
      }
    }
    return sum;
  }

  /** Inputs that lean to one side, as those behind quantized blocks do, with some noise. */
  private static Matrix deviating(SplittableRandom random, Matrix full) {
    Matrix other = full.copy();
    for (int t = 0; t < full.rows(); t++) {
      for (int k = 0; k < full.columns(); k++) {
        other.set(
            t,
            k,
            0.8f * full.get(t, k)
                + 0.15f * full.get(t, (k + 1) % full.columns())
                + 0.02f * (float) random.nextGaussian());
      }
    }
    return other;
  }

  private static Matrix rows(Matrix all, int from, int to) {
    return all.slice(from, to).copy();
  }

  @Test
  void zeroRowsAndDeadInputsStayExact() {
    SplittableRandom random = new SplittableRandom(7);
    Matrix weight = random(random, 6, 96);
    Matrix x = random(random, 200, 96);
    for (int k = 0; k < 96; k++) {
      weight.set(2, k, 0);
    }
    for (int t = 0; t < 200; t++) {
      x.set(t, 5, 0);
      x.set(t, 64, 0);
    }
    for (Rounding rounding : ALL) {
      Matrix rounded = round(rounding, weight, x, 32).dequantize();
      for (int k = 0; k < 96; k++) {
        assertEquals(0f, rounded.get(2, k), rounding + ": a row of zeros is exact");
      }
      for (int n = 0; n < 6; n++) {
        double error = Math.abs(weight.get(n, 5) - rounded.get(n, 5));
        assertTrue(error < 1.5, rounding + ": a dead input's weight is kept, error " + error);
      }
    }
  }

  @Test
  void zeroMatrixAndZeroInputs() {
    Matrix zeros = Matrix.allocate(4, 64);
    Matrix noInput = Matrix.allocate(10, 64);
    for (Rounding rounding : ALL) {
      assertEquals(
          0, LinearStage.weightError(zeros, round(rounding, zeros, noInput, 64).dequantize()));
    }
  }

  @Test
  void constantGroupIsWithinFloat16() {
    Matrix weight = Matrix.allocate(1, 32);
    for (int k = 0; k < 32; k++) {
      weight.set(0, k, 0.1f);
    }
    Matrix rounded =
        round(new NearestRounding(false), weight, Matrix.allocate(1, 32), 32).dequantize();
    for (int k = 0; k < 32; k++) {
      assertEquals(0.1f, rounded.get(0, k), 1e-4f);
    }
  }

  @Test
  void anyGroupOfSixteenFloat16LevelsIsExact() {
    Matrix weight = Matrix.allocate(1, 32);
    for (int k = 0; k < 32; k++) {
      weight.set(0, k, -1.5f + 0.25f * (k % 16));
    }
    Matrix rounded =
        round(new NearestRounding(false), weight, Matrix.allocate(1, 32), 32).dequantize();
    assertEquals(0, LinearStage.weightError(weight, rounded));
  }

  @Test
  void notFiniteWeightsFailByName() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, 1e30f}) {
      Matrix weight = random(new SplittableRandom(3), 4, 64);
      weight.set(3, 40, bad);
      for (Rounding rounding : ALL) {
        QuantizationException e =
            assertThrows(
                QuantizationException.class,
                () -> round(rounding, weight, random(new SplittableRandom(4), 100, 64), 32));
        assertTrue(e.getMessage().contains("linear DOWN, row 3, inputs 32..63"), e.getMessage());
      }
    }
  }

  @Test
  void notFiniteInputsFailByName() {
    Matrix x = random(new SplittableRandom(5), 100, 64);
    x.set(9, 9, Float.NaN);
    QuantizationException e =
        assertThrows(
            QuantizationException.class,
            () -> round(GPTQ, random(new SplittableRandom(6), 4, 64), x, 32));
    assertTrue(e.getMessage().contains("not finite"), e.getMessage());
  }
}
