package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import java.util.EnumMap;
import java.util.Map;

/** Converts W4A8 blocks to float32. */
final class DequantizedBlocks {
  private DequantizedBlocks() {}

  /** Returns the values of the codes. The caller closes the matrices with {@link #close}. */
  static BlockParameters<Matrix> dequantize(BlockParameters<QuantizedLinear> block) {
    Map<LinearRole, Matrix> weights = new EnumMap<>(LinearRole.class);
    block.linears().forEach((role, linear) -> weights.put(role, Packing.dequantize(linear)));
    return new BlockParameters<>(weights, block.biases(), block.norms());
  }

  static void close(BlockParameters<Matrix> block) {
    block.linears().values().forEach(Matrix::close);
  }
}
