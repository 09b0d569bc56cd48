package io.calm.quant.gptq;

import io.calm.quant.BlockSample;
import io.calm.quant.Quantizer;
import io.calm.quant.Rounding;
import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** GPTQ: no scales, error-feeding rounding. */
public final class GptqQuantizer implements Quantizer {
  private static final Rounding ROUNDING = new GptqRounding();

  @Override
  public String name() {
    return "gptq";
  }

  @Override
  public Optional<Rounding> rounding() {
    return Optional.of(ROUNDING);
  }

  @Override
  public Result quantize(BlockSample sample) {
    return new StagewiseQuantizer(name(), Optional.empty(), ROUNDING).quantize(sample);
  }
}
