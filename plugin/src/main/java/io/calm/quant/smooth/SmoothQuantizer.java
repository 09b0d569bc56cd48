package io.calm.quant.smooth;

import io.calm.quant.NearestRounding;
import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** SmoothQuant: smoothing scales at every fold of the block, then plain rounding to nearest. */
public final class SmoothQuantizer extends StagewiseQuantizer {

  public SmoothQuantizer() {
    super("smoothquant", Optional.of(new SmoothFold()), new NearestRounding(false));
  }
}
