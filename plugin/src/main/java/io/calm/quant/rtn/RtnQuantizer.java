package io.calm.quant.rtn;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.quant.BlockSample;
import io.calm.quant.Compute;
import io.calm.quant.NearestRounding;
import io.calm.quant.Quantizer;
import io.calm.quant.Rounding;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/** Rounds to nearest without looking at the inputs: the baseline. */
public final class RtnQuantizer implements Quantizer {

  @Override
  public String name() {
    return "rtn";
  }

  @Override
  public boolean needsCalibration() {
    return false;
  }

  @Override
  public Optional<Rounding> rounding() {
    return Optional.of(new NearestRounding(false));
  }

  @Override
  public Result quantize(BlockSample sample) {
    return new Result(quantize(sample.block(), sample.groupLimit(), sample.compute()), Map.of());
  }

  /**
   * Quantizes a block from its weights alone.
   *
   * @param groupLimit largest group of a scale
   * @throws io.calm.quant.QuantizationException if a weight is not finite or outside float16
   */
  public static BlockParameters<QuantizedLinear> quantize(
      BlockParameters<Matrix> block, int groupLimit, Compute compute) {
    Map<LinearRole, QuantizedLinear> linears = new EnumMap<>(LinearRole.class);
    block
        .linears()
        .forEach(
            (role, weight) -> {
              int group = QuantizedLinear.groupFor(weight.columns(), groupLimit);
              linears.put(
                  role,
                  Packing.pack(
                      NearestRounding.plain(weight, group, compute, role.name()),
                      compute.parallel()));
            });
    return new BlockParameters<>(linears, block.biases(), block.norms());
  }
}
