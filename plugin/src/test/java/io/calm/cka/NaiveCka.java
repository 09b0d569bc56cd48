package io.calm.cka;

/**
 * CKA word by word from its definitions, with n x n matrices; the oracle of this package's tests.
 */
final class NaiveCka {
  private NaiveCka() {}

  /** HSIC_0 of Gretton et al. 2005: tr(K H L H), H = I - 11'/n. */
  static double biased(float[][] x, float[][] y) {
    return biasedHsic(x, y) / Math.sqrt(biasedHsic(x, x) * biasedHsic(y, y));
  }

  /** HSIC_1 of Song et al. 2012, equation 4. */
  static double debiased(float[][] x, float[][] y) {
    return unbiasedHsic(x, y) / Math.sqrt(unbiasedHsic(x, x) * unbiasedHsic(y, y));
  }

  static double relativeMse(float[][] reference, float[][] candidate) {
    double error = 0;
    double norm = 0;
    for (int i = 0; i < reference.length; i++) {
      for (int k = 0; k < reference[i].length; k++) {
        error += Math.pow((double) candidate[i][k] - reference[i][k], 2);
        norm += Math.pow(reference[i][k], 2);
      }
    }
    return error / norm;
  }

  /** Each row divided by the square root of the mean of its squares. */
  static double[][] normalized(float[][] x) {
    double[][] rows = new double[x.length][];
    for (int i = 0; i < x.length; i++) {
      double mean = 0;
      for (float v : x[i]) {
        mean += Math.pow(v, 2) / x[i].length;
      }
      rows[i] = new double[x[i].length];
      for (int k = 0; k < x[i].length; k++) {
        rows[i][k] = mean == 0 ? 0 : x[i][k] / Math.sqrt(mean);
      }
    }
    return rows;
  }

  /**
   * The relative squared error of {@link #normalized} rows, those of a reference of zeros left out.
   */
  static double normalizedMse(float[][] reference, float[][] candidate) {
    double[][] expected = normalized(reference);
    double[][] got = normalized(candidate);
    double error = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      double own = 0;
      double difference = 0;
      for (int k = 0; k < expected[i].length; k++) {
        own += Math.pow(expected[i][k], 2);
        difference += Math.pow(got[i][k] - expected[i][k], 2);
      }
      norm += own;
      error += own > 0 ? difference : 0;
    }
    return error / norm;
  }

  private static double biasedHsic(float[][] x, float[][] y) {
    int n = x.length;
    double[][] h = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        h[i][j] = (i == j ? 1 : 0) - 1.0 / n;
      }
    }
    return trace(multiply(multiply(gram(x), h), multiply(gram(y), h)));
  }

  private static double unbiasedHsic(float[][] x, float[][] y) {
    int n = x.length;
    double[][] k = withoutDiagonal(gram(x));
    double[][] l = withoutDiagonal(gram(y));
    double[][] kl = multiply(k, l);
    return (trace(kl) + sum(k) * sum(l) / ((n - 1.0) * (n - 2.0)) - 2.0 / (n - 2.0) * sum(kl))
        / (n * (n - 3.0));
  }

  private static double[][] gram(float[][] x) {
    int n = x.length;
    double[][] k = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        for (int f = 0; f < x[i].length; f++) {
          k[i][j] += (double) x[i][f] * x[j][f];
        }
      }
    }
    return k;
  }

  private static double[][] withoutDiagonal(double[][] k) {
    for (int i = 0; i < k.length; i++) {
      k[i][i] = 0;
    }
    return k;
  }

  private static double[][] multiply(double[][] a, double[][] b) {
    int n = a.length;
    double[][] c = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int m = 0; m < n; m++) {
        for (int j = 0; j < n; j++) {
          c[i][j] += a[i][m] * b[m][j];
        }
      }
    }
    return c;
  }

  private static double trace(double[][] a) {
    double trace = 0;
    for (int i = 0; i < a.length; i++) {
      trace += a[i][i];
    }
    return trace;
  }

  private static double sum(double[][] a) {
    double sum = 0;
    for (double[] row : a) {
      for (double x : row) {
        sum += x;
      }
    }
    return sum;
  }
}
