package io.calm.search;

/** Means of values of sequences or windows, and of their differences in pairs. */
final class Paired {
  private Paired() {}

  /** Returns the mean of one value or more. */
  static double mean(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum / values.length;
  }

  /** Returns the standard error of the mean difference, paired by sequence. */
  static double standardError(double[] a, double[] b) {
    double[] differences = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      differences[i] = a[i] - b[i];
    }
    double mean = mean(differences);
    double squares = 0;
    for (double d : differences) {
      squares += (d - mean) * (d - mean);
    }
    return a.length < 2 ? 0 : Math.sqrt(squares / (a.length - 1) / a.length);
  }
}
