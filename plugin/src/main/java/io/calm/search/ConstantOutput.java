package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.replay.HiddenStates;
import io.calm.tensor.Matrix;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * An explanation for a block on which no algorithm can be judged because its output is the same for
 * all tokens, as it is with weights that are all zero.
 */
final class ConstantOutput {
  private ConstantOutput() {}

  /**
   * Returns the explanation; empty if the output differs between tokens.
   *
   * @param input the hidden states that the block read
   * @param output the hidden states that it wrote in full precision
   */
  static Optional<String> explain(
      int layer, BlockParameters<Matrix> block, HiddenStates input, Matrix output) {
    if (!isConstant(output)) {
      return Optional.empty();
    }
    return Optional.of(
        ("block %d: expected an output that differs between tokens, got the same for all %d tokens"
                + " of the calibration text%s; no algorithm can be judged on it: the checkpoint is"
                + " damaged or was never trained, download it again")
            .formatted(layer, output.rows(), cause(layer, block, input)));
  }

  private static String cause(int layer, BlockParameters<Matrix> block, HiddenStates input) {
    String zero =
        block.linears().entrySet().stream()
            .filter(entry -> isZero(entry.getValue()))
            .map(entry -> entry.getKey().name())
            .collect(Collectors.joining(", "));
    String weights =
        zero.isEmpty()
            ? ""
            : block.linears().values().stream().allMatch(ConstantOutput::isZero)
                ? "all of its weights are zero"
                : "its weights of " + zero + " are zero";
    String rows = "";
    try (Matrix matrix = input.toMatrix()) {
      if (isConstant(matrix)) {
        rows = layer == 0 ? "the embeddings of all tokens are equal" : "its input is the same too";
      }
    }
    String causes = rows.isEmpty() || weights.isEmpty() ? rows + weights : rows + " and " + weights;
    return causes.isEmpty() ? "" : " (" + causes + ")";
  }

  private static boolean isConstant(Matrix matrix) {
    float[] first = new float[matrix.columns()];
    float[] row = new float[matrix.columns()];
    matrix.readRow(0, first);
    for (int r = 1; r < matrix.rows(); r++) {
      matrix.readRow(r, row);
      for (int c = 0; c < row.length; c++) {
        if (row[c] != first[c]) {
          return false;
        }
      }
    }
    return true;
  }

  private static boolean isZero(Matrix matrix) {
    float[] row = new float[matrix.columns()];
    float[] zero = new float[matrix.columns()];
    for (int r = 0; r < matrix.rows(); r++) {
      matrix.readRow(r, row);
      for (int c = 0; c < row.length; c++) {
        row[c] += 0f; // a negative zero becomes a positive one
      }
      if (!Arrays.equals(row, zero)) {
        return false;
      }
    }
    return true;
  }
}
