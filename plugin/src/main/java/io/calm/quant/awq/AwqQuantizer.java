package io.calm.quant.awq;

import io.calm.quant.BlockSample;
import io.calm.quant.Fold;
import io.calm.quant.NearestRounding;
import io.calm.quant.Quantizer;
import io.calm.quant.Rounding;
import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** AWQ: activation-aware scales at every fold of the block, then rounding on weighted grids. */
public final class AwqQuantizer implements Quantizer {
  private static final Fold FOLD = new AwqFold();
  private static final Rounding ROUNDING = new NearestRounding(true);

  @Override
  public String name() {
    return "awq";
  }

  @Override
  public Optional<Fold> fold() {
    return Optional.of(FOLD);
  }

  @Override
  public Optional<Rounding> rounding() {
    return Optional.of(ROUNDING);
  }

  @Override
  public Result quantize(BlockSample sample) {
    return new StagewiseQuantizer(name(), fold(), ROUNDING).quantize(sample);
  }
}
