package io.calm.quant.awq;

import io.calm.quant.NearestRounding;
import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** AWQ: activation-aware scales at every fold of the block, then rounding on weighted grids. */
public final class AwqQuantizer extends StagewiseQuantizer {

  public AwqQuantizer() {
    super("awq", Optional.of(new AwqFold()), new NearestRounding(true));
  }
}
