package io.calm.cka;

import java.util.Random;

/** Matrices for property tests. */
final class RandomMatrices {
  private final Random random;

  RandomMatrices(long seed) {
    this.random = new Random(seed);
  }

  /** Gaussian [n][d], each column with a scale and a mean of its own. */
  float[][] gaussian(int n, int d) {
    float[][] x = new float[n][d];
    for (int k = 0; k < d; k++) {
      double scale = Math.exp(random.nextGaussian());
      double mean = 3 * random.nextGaussian();
      for (int i = 0; i < n; i++) {
        x[i][k] = (float) (mean + scale * random.nextGaussian());
      }
    }
    return x;
  }

  /** {@code x} with Gaussian noise of {@code level} added. */
  float[][] noisy(float[][] x, double level) {
    float[][] y = new float[x.length][];
    for (int i = 0; i < x.length; i++) {
      y[i] = x[i].clone();
      for (int k = 0; k < y[i].length; k++) {
        y[i][k] += (float) (level * random.nextGaussian());
      }
    }
    return y;
  }

  /** {@code x} times a random orthogonal matrix: a product of d Householder reflections. */
  float[][] rotated(float[][] x) {
    int d = x[0].length;
    float[][] y = new float[x.length][];
    double[][] rows = new double[x.length][d];
    for (int i = 0; i < x.length; i++) {
      for (int k = 0; k < d; k++) {
        rows[i][k] = x[i][k];
      }
    }
    for (int reflection = 0; reflection < d; reflection++) {
      double[] v = random.doubles(d, -1, 1).toArray();
      double norm = dot(v, v);
      for (double[] row : rows) {
        double factor = 2 * dot(row, v) / norm;
        for (int k = 0; k < d; k++) {
          row[k] -= factor * v[k];
        }
      }
    }
    for (int i = 0; i < y.length; i++) {
      y[i] = new float[d];
      for (int k = 0; k < d; k++) {
        y[i][k] = (float) rows[i][k];
      }
    }
    return y;
  }

  /** {@code x} with its rows in another order. */
  float[][] shuffled(float[][] x) {
    float[][] y = x.clone();
    for (int i = y.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      float[] row = y[i];
      y[i] = y[j];
      y[j] = row;
    }
    return y;
  }

  /** {@code factor * x + shift}, the shift different in each column. */
  float[][] affine(float[][] x, float factor) {
    float[][] y = new float[x.length][];
    float[] shift = new float[x[0].length];
    for (int k = 0; k < shift.length; k++) {
      shift[k] = (float) random.nextGaussian();
    }
    for (int i = 0; i < x.length; i++) {
      y[i] = x[i].clone();
      for (int k = 0; k < shift.length; k++) {
        y[i][k] = factor * y[i][k] + shift[k];
      }
    }
    return y;
  }

  /** A copy of {@code x} with its first row multiplied. */
  static float[][] firstRowTimes(float factor, float[][] x) {
    float[][] y = x.clone();
    y[0] = x[0].clone();
    for (int k = 0; k < y[0].length; k++) {
      y[0][k] *= factor;
    }
    return y;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int k = 0; k < a.length; k++) {
      sum += a[k] * b[k];
    }
    return sum;
  }
}
