package io.calm.quant.source;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.quant.BlockSample;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import java.util.EnumMap;
import java.util.Map;

/**
 * Takes over the checkpoint's own 4-bit blocks (GGUF Q4_0 and Q4_1), which are W4A8 weights of group
 * 32 already and have no weight error. Applies only if the group limit is 32, so that a module's
 * size does not depend on the algorithm.
 */
public final class SourceQuantizer implements Quantizer {
  private static final int GROUP = 32;

  @Override
  public String name() {
    return "source";
  }

  @Override
  public boolean needsCalibration() {
    return false;
  }

  @Override
  public boolean appliesTo(BlockSample sample) {
    if (sample.groupLimit() != GROUP) {
      return false;
    }
    for (LinearRole role : LinearRole.values()) {
      if (sample.source(role).isEmpty()) {
        return false;
      }
    }
    return true;
  }

  @Override
  public Result quantize(BlockSample sample) {
    Map<LinearRole, QuantizedLinear> linears = new EnumMap<>(LinearRole.class);
    for (LinearRole role : LinearRole.values()) {
      QuantizedMatrix codes =
          sample
              .source(role)
              .orElseThrow(
                  () ->
                      new QuantizationException(
                          "linear %s has no 4-bit blocks in the checkpoint".formatted(role)));
      linears.put(role, Packing.pack(codes));
    }
    return new Result(
        new BlockParameters<>(linears, sample.block().biases(), sample.block().norms()),
        Map.of("weights", "exact"));
  }
}
