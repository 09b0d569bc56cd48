package io.calm.quant.gptq;

import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** X. */
public final class QepLowQuantizer extends StagewiseQuantizer {

  public QepLowQuantizer() {
    super("qep-low", Optional.empty(), new QepRounding(0.25f, 0.05));
  }
}
