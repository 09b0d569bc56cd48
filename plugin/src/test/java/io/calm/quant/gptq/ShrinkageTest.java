package io.calm.quant.gptq;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.quant.InputStatistics;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.testing.Seeds;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The intensity by hand, on sequences that differ and do not, and its limits. */
class ShrinkageTest {

  /** Inputs, [T][K] for each sequence. */
  private record Inputs(List<float[][]> ofSequences) implements InputStatistics {
    Inputs(float[][]... ofSequences) {
      this(List.of(ofSequences));
    }

    private int width() {
      return ofSequences.get(0)[0].length;
    }

    @Override
    public float[] meanSquare() {
      throw new IllegalStateException("a Hessian is shrunk without it");
    }

    @Override
    public Matrix gram() {
      double[][] sum = new double[width()][width()];
      ofSequences.forEach(sequence -> add(sequence, sum));
      Matrix gram = Matrix.allocate(width(), width());
      for (int i = 0; i < width(); i++) {
        for (int j = 0; j < width(); j++) {
          gram.set(i, j, (float) sum[i][j]);
        }
      }
      return gram;
    }

    private static void add(float[][] sequence, double[][] sum) {
      for (float[] x : sequence) {
        for (int i = 0; i < x.length; i++) {
          for (int j = 0; j < x.length; j++) {
            sum[i][j] += (double) x[i] * x[j];
          }
        }
      }
    }

    @Override
    public int sequences() {
      return ofSequences.size();
    }

    @Override
    public double squaredCorrelations(Matrix gram) {
      double squares = 0;
      for (float[][] sequence : ofSequences) {
        double[][] own = new double[width()][width()];
        add(sequence, own);
        for (int i = 0; i < width(); i++) {
          for (int j = 0; j < width(); j++) {
            double product = (double) gram.get(i, i) * gram.get(j, j);
            squares += i == j || product == 0 ? 0 : own[i][j] * own[i][j] / product;
          }
        }
      }
      return squares;
    }

    @Override
    public int rows() {
      return ofSequences.size() * ofSequences.get(0).length;
    }

    private double shrink(Matrix hessian) {
      try (Parallel parallel = new Parallel(2)) {
        return Shrinkage.apply(hessian, this, parallel);
      }
    }
  }

  private static float[] values(Matrix matrix) {
    float[] values = new float[matrix.rows() * matrix.columns()];
    matrix.bytes().asFloatBuffer().get(values);
    return values;
  }

  /**
   * X'X = {{2, 3}, {3, 5}}: r^2 = 9 / 10 for each of two elements. The sequences have 1 and 2
   * beside the diagonal, (1 + 4) / 10 for each. 2 (1.0 - 1.8 / 2) / 1.8 = 1 / 9.
   */
  @Test
  void theIntensityIsThatOfTheFormula() {
    Inputs inputs = new Inputs(new float[][] {{1, 1}}, new float[][] {{1, 2}});
    Matrix hessian = inputs.gram();
    assertEquals(1 / 9.0, inputs.shrink(hessian), 1e-6);
    assertArrayEquals(new float[] {2, 8 / 3f, 8 / 3f, 5}, values(hessian), 1e-5f);
  }

  @Test
  void equalSequencesAreNotShrunk() {
    float[][] sequence = {{1, 2, 0}, {3, -1, 1}};
    Inputs inputs = new Inputs(sequence, sequence, sequence);
    assertEquals(0, inputs.shrink(inputs.gram()), 1e-6);
  }

  /** One input a thousand times as large as the others does not decide the intensity. */
  @Test
  void theScaleOfAnInputDoesNotMatter() {
    long seed = Seeds.next();
    SplittableRandom random = new SplittableRandom(seed);
    Inputs inputs = gaussian(random, 8, 5, 12);
    double intensity = inputs.shrink(inputs.gram());
    for (float[][] sequence : inputs.ofSequences()) {
      for (float[] x : sequence) {
        x[3] *= 1024;
      }
    }
    assertEquals(intensity, inputs.shrink(inputs.gram()), 1e-5, "seed " + seed);
  }

  /** Independent inputs have correlations of noise alone, and more tokens less noise. */
  @Test
  void noiseIsShrunkAndSignalIsKept() {
    long seed = Seeds.next();
    SplittableRandom random = new SplittableRandom(seed);
    Inputs noise = gaussian(random, 32, 8, 40);
    double ofNoise = noise.shrink(noise.gram());
    assertTrue(ofNoise > 0.8, "seed %d: %s".formatted(seed, ofNoise));
    for (float[][] sequence : noise.ofSequences()) {
      for (float[] x : sequence) {
        float common = 3 * (float) random.nextGaussian();
        for (int k = 0; k < x.length; k++) {
          x[k] += common;
        }
      }
    }
    double ofSignal = noise.shrink(noise.gram());
    assertTrue(ofSignal < 0.1, "seed %d: %s".formatted(seed, ofSignal));
  }

  @Test
  void oneSequenceIsTakenAsNormalTokens() {
    Inputs inputs = new Inputs(new float[][] {{1, 1}, {1, 2}});
    // (2 * 1 + 1.8) / 2 tokens / 1.8 is above 1.
    assertEquals(1, inputs.shrink(inputs.gram()));
    float[][] many = new float[100][];
    for (int t = 0; t < many.length; t++) {
      many[t] = t % 2 == 0 ? new float[] {1, 1} : new float[] {1, 2};
    }
    assertEquals(3.8 / 100 / 1.8, new Inputs(many).shrink(gramOf(many)), 1e-6);
  }

  private static Matrix gramOf(float[][] sequence) {
    return new Inputs(sequence).gram();
  }

  @Test
  void inputsThatAreAlwaysZeroAreLeftOut() {
    Inputs inputs = new Inputs(new float[][] {{1, 1, 0}}, new float[][] {{1, 2, 0}});
    Matrix hessian = inputs.gram();
    assertEquals(1 / 9.0, inputs.shrink(hessian), 1e-6);
    Inputs none = new Inputs(new float[][] {{1, 0}}, new float[][] {{2, 0}});
    assertEquals(0, none.shrink(none.gram()));
    float[][] many = new float[100][];
    for (int t = 0; t < many.length; t++) {
      many[t] = t % 2 == 0 ? new float[] {1, 1, 0} : new float[] {1, 2, 0};
    }
    assertEquals(3.8 / 100 / 1.8, new Inputs(many).shrink(gramOf(many)), 1e-6);
  }

  @Test
  void theNumberOfThreadsDoesNotMatter() {
    long seed = Seeds.next();
    Inputs inputs = gaussian(new SplittableRandom(seed), 6, 9, 37);
    Matrix one = inputs.gram();
    Matrix five = inputs.gram();
    try (Parallel single = new Parallel(1);
        Parallel several = new Parallel(5)) {
      assertEquals(Shrinkage.apply(one, inputs, single), Shrinkage.apply(five, inputs, several));
    }
    assertArrayEquals(values(one), values(five), "seed " + seed);
  }

  private static Inputs gaussian(SplittableRandom random, int sequences, int length, int width) {
    float[][][] values = new float[sequences][length][width];
    for (float[][] sequence : values) {
      for (float[] x : sequence) {
        for (int k = 0; k < width; k++) {
          x[k] = (float) random.nextGaussian();
        }
      }
    }
    return new Inputs(values);
  }
}
