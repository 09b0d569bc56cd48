package io.calm.quant.gptq;

import io.calm.quant.Grids;
import io.calm.quant.RoundingProblem;
import io.calm.tensor.Matrix;
import io.calm.tensor.OffHeap;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import java.nio.ByteBuffer;

/**
 * GPTQ's walk over columns, in blocks whose outside updates are one matrix product. The walk inside
 * a block is a search kernel.
 */
final class ColumnWalk implements AutoCloseable {
  private static final int BLOCK = 128;

  /** Outputs whose codes are put in order together: they share lines of the cache. */
  private static final int TILE = 64;

  private final RoundingProblem problem;
  private final Grids grids;
  private final Matrix factor; // U [K, K], act-ordered
  private final int[] order;
  private final int outputs;
  private final int inputs;
  private final OffHeap memory;
  private final ByteBuffer rounded; // codes [K, N], act-ordered

  ColumnWalk(RoundingProblem problem, Grids grids, Matrix factor, int[] order) {
    this.problem = problem;
    this.grids = grids;
    this.factor = factor;
    this.order = order;
    this.outputs = problem.weight().rows();
    this.inputs = problem.weight().columns();
    this.memory = OffHeap.allocate(Math.multiplyExact(outputs, inputs));
    this.rounded = memory.bytes();
  }

  QuantizedMatrix run() {
    try (Matrix columns = transposed();
        Matrix scales = byGroup(grids.scales());
        Matrix minimums = byGroup(grids.minimums())) {
      for (int from = 0; from < inputs; from += BLOCK) {
        int to = Math.min(inputs, from + BLOCK);
        try (Matrix errors = Matrix.allocate(to - from, outputs)) {
          walk(columns, scales, minimums, errors, from, to);
          if (to < inputs) {
            try (Matrix coupling = coupling(from, to)) {
              problem.algebra().addProduct(columns.slice(to, inputs), -1, coupling, errors);
            }
          }
        }
      }
    }
    return new QuantizedMatrix(
        outputs, inputs, problem.group(), codes(), grids.scales(), grids.minimums());
  }

  /** Returns values [N * J] as [J, N]. */
  private Matrix byGroup(float[] values) {
    int groups = grids.groups();
    Matrix transposed = Matrix.allocate(groups, outputs);
    float[] row = new float[outputs];
    for (int j = 0; j < groups; j++) {
      for (int n = 0; n < outputs; n++) {
        row[n] = values[n * groups + j];
      }
      transposed.writeRow(j, row);
    }
    return transposed;
  }

  /** Returns the codes [N * K] in the weight's own order. */
  private byte[] codes() {
    byte[] codes = new byte[rounded.capacity()];
    problem
        .parallel()
        .ranges(
            (outputs + TILE - 1) / TILE,
            (from, to) -> {
              byte[] piece = new byte[TILE];
              for (int tile = from; tile < to; tile++) {
                int first = tile * TILE;
                int length = Math.min(TILE, outputs - first);
                for (int i = 0; i < inputs; i++) {
                  rounded.get(i * outputs + first, piece, 0, length);
                  for (int n = 0; n < length; n++) {
                    codes[(first + n) * inputs + order[i]] = piece[n];
                  }
                }
              }
            });
    return codes;
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

  @Override
  public void close() {
    memory.close();
  }

  /** Rounds columns {@code from .. to} with the kernels. */
  private void walk(
      Matrix columns, Matrix scales, Matrix minimums, Matrix errors, int from, int to) {
    int width = to - from;
    float[] upper = new float[width * width];
    int[] groups = new int[width];
    for (int i = 0; i < width; i++) {
      factor.readRow(from + i, from, upper, i * width, width);
      groups[i] = order[from + i] / grids.group();
    }
    problem
        .parallel()
        .ranges(
            (outputs + QuantizedLinear.TILE - 1) / QuantizedLinear.TILE,
            (first, end) ->
                problem
                    .compute()
                    .kernels()
                    .walkColumns(
                        columns,
                        from,
                        first * QuantizedLinear.TILE,
                        Math.min(outputs, end * QuantizedLinear.TILE),
                        upper,
                        scales,
                        minimums,
                        groups,
                        errors,
                        rounded));
  }
}
