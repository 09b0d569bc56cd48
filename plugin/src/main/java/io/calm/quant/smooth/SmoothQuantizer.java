package io.calm.quant.smooth;

import io.calm.quant.BlockSample;
import io.calm.quant.Fold;
import io.calm.quant.NearestRounding;
import io.calm.quant.Quantizer;
import io.calm.quant.Rounding;
import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** SmoothQuant: smoothing scales at every fold of the block, then plain rounding to nearest. */
public final class SmoothQuantizer implements Quantizer {
  private static final Fold FOLD = new SmoothFold();
  private static final Rounding ROUNDING = new NearestRounding(false);

  @Override
  public String name() {
    return "smoothquant";
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
