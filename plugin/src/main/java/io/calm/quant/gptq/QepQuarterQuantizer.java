package io.calm.quant.gptq;

import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** QEP with a quarter of the full correction, for stages whose errors are mostly noise. */
public final class QepQuarterQuantizer extends StagewiseQuantizer {

  public QepQuarterQuantizer() {
    super("qep-quarter", Optional.empty(), new QepRounding(0.25f, 0.05));
  }
}
