package io.calm.quant.gptq;

import io.calm.quant.Grids;
import io.calm.quant.RoundingProblem;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;

/** GPTQ's walk over columns, in blocks whose outside updates are one matrix product. */
final class ColumnWalk {
  private static final int BLOCK = 128;

  private final RoundingProblem problem;
  private final Grids grids;
  private final Matrix factor; // U [K, K], act-ordered
  private final int[] order;
  private final int outputs;
  private final int inputs;
  private final byte[] codes; // [N, K], original order

  ColumnWalk(RoundingProblem problem, Grids grids, Matrix factor, int[] order) {
    this.problem = problem;
    this.grids = grids;
    this.factor = factor;
    this.order = order;
    this.outputs = problem.weight().rows();
    this.inputs = problem.weight().columns();
    this.codes = new byte[Math.multiplyExact(outputs, inputs)];
  }

  QuantizedMatrix run() {
    try (Matrix columns = transposed()) {
      for (int from = 0; from < inputs; from += BLOCK) {
        int to = Math.min(inputs, from + BLOCK);
        try (Matrix errors = Matrix.allocate(to - from, outputs)) {
          roundBlock(columns, errors, from, to);
          if (to < inputs) {
            try (Matrix coupling = coupling(from, to)) {
              problem.algebra().addProduct(columns.slice(to, inputs), -1, coupling, errors);
            }
          }
        }
      }
    }
    return new QuantizedMatrix(
        outputs, inputs, problem.group(), codes, grids.scales(), grids.minimums());
  }

  /** Returns the weights as [K, N], columns in act-order. */
  private Matrix transposed() {
    Matrix columns = Matrix.allocate(inputs, outputs);
    problem
        .parallel()
        .ranges(
            outputs,
            (from, to) -> {
              float[][] rows = new float[to - from][inputs];
              for (int n = from; n < to; n++) {
                problem.weight().readRow(n, rows[n - from]);
              }
              float[] column = new float[to - from];
              for (int i = 0; i < inputs; i++) {
                for (int n = 0; n < column.length; n++) {
                  column[n] = rows[n][order[i]];
                }
                columns.writeRow(i, from, column, 0, column.length);
              }
            });
    return columns;
  }

  /** Returns U[from..to, to..K] transposed, [K - to, to - from]. */
  private Matrix coupling(int from, int to) {
    Matrix coupling = Matrix.allocate(inputs - to, to - from);
    float[][] rows = new float[to - from][inputs - to];
    for (int i = from; i < to; i++) {
      factor.readRow(i, to, rows[i - from], 0, inputs - to);
    }
    float[] line = new float[to - from];
    for (int j = 0; j < inputs - to; j++) {
      for (int i = 0; i < line.length; i++) {
        line[i] = rows[i][j];
      }
      coupling.writeRow(j, line);
    }
    return coupling;
  }

  /** Rounds columns {@code from .. to}; outputs are independent of each other. */
  private void roundBlock(Matrix columns, Matrix errors, int from, int to) {
    float[][] upper = new float[to - from][to - from];
    for (int i = from; i < to; i++) {
      factor.readRow(i, from, upper[i - from], 0, to - from);
    }
    problem
        .parallel()
        .ranges(
            outputs,
            (first, end) -> {
              float[][] w = new float[to - from][end - first];
              for (int i = 0; i < w.length; i++) {
                columns.readRow(from + i, first, w[i], 0, end - first);
              }
              for (int i = 0; i < w.length; i++) {
                float[] error = w[i];
                grids.roundColumn(order[from + i], first, error, codes, inputs);
                float inverse = 1 / upper[i][i];
                for (int n = 0; n < error.length; n++) {
                  error[n] *= inverse;
                }
                for (int j = i + 1; j < w.length; j++) {
                  subtract(w[j], upper[i][j], error);
                }
                errors.writeRow(i, first, error, 0, error.length);
              }
            });
  }

  private static void subtract(float[] target, float factor, float[] error) {
    for (int n = 0; n < error.length; n++) {
      target[n] -= factor * error[n];
    }
  }
}
