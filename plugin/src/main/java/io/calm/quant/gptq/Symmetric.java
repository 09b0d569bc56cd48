package io.calm.quant.gptq;

import io.calm.tensor.Matrix;

/** In-place operations on a symmetric matrix: a Hessian is the largest object of a search. */
final class Symmetric {
  private Symmetric() {}

  /**
   * Replaces element (i, j) by the former element ({@code order[i]}, {@code order[j]}).
   *
   * @param matrix symmetric [K, K]; changed
   * @param order a permutation of 0 .. K - 1
   */
  static void permute(Matrix matrix, int[] order) {
    int size = order.length;
    float[] row = new float[size];
    float[] permuted = new float[size];
    for (int i = 0; i < size; i++) {
      matrix.readRow(i, row);
      for (int j = 0; j < size; j++) {
        permuted[j] = row[order[j]];
      }
      matrix.writeRow(i, permuted);
    }
    // The rows, cycle by cycle: each takes that of its successor, the last the one set aside.
    boolean[] done = new boolean[size];
    for (int start = 0; start < size; start++) {
      if (done[start]) {
        continue;
      }
      matrix.readRow(start, row);
      int at = start;
      while (order[at] != start) {
        matrix.readRow(order[at], permuted);
        matrix.writeRow(at, permuted);
        done[at] = true;
        at = order[at];
      }
      matrix.writeRow(at, row);
      done[at] = true;
    }
  }
}
