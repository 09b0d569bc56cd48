package io.calm.quant.rtn;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.quant.BlockSample;
import io.calm.quant.Compute;
import io.calm.quant.NearestRounding;
import io.calm.quant.Quantizer;
import io.calm.quant.Rounding;
import io.calm.quant.StageQuantizer;
import io.calm.quant.StageResult;
import io.calm.quant.StageWalk;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
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
  public Optional<StageQuantizer> stages() {
    return Optional.of(RtnQuantizer::quantizeStage);
  }

  private static StageResult quantizeStage(BlockSample sample, StageWalk walk) {
    Map<LinearRole, QuantizedMatrix> linears = new EnumMap<>(LinearRole.class);
    for (LinearRole role : walk.stage().linears()) {
      linears.put(
          role, nearest(role, sample.block().linear(role), sample.groupLimit(), sample.compute()));
    }
    return new StageResult(linears, Optional.empty(), Map.of());
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
            (role, weight) ->
                linears.put(
                    role,
                    Packing.pack(nearest(role, weight, groupLimit, compute), compute.parallel())));
    return new BlockParameters<>(linears, block.biases(), block.norms());
  }

  private static QuantizedMatrix nearest(
      LinearRole role, Matrix weight, int groupLimit, Compute compute) {
    int group = QuantizedLinear.groupFor(weight.columns(), groupLimit);
    return NearestRounding.plain(weight, group, compute, role.name());
  }
}
