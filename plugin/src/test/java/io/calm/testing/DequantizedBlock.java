package io.calm.testing;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import java.util.EnumMap;
import java.util.Map;

/** Full-precision blocks with the values of W4A8 ones. */
public final class DequantizedBlock {
  private DequantizedBlock() {}

  /** Returns the values of the codes. The caller closes the matrices. */
  public static BlockParameters<Matrix> of(BlockParameters<QuantizedLinear> block) {
    Map<LinearRole, Matrix> weights = new EnumMap<>(LinearRole.class);
    block.linears().forEach((role, linear) -> weights.put(role, Packing.dequantize(linear)));
    return new BlockParameters<>(weights, block.biases(), block.norms());
  }
}
