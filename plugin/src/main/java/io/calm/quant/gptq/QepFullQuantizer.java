package io.calm.quant.gptq;

import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** X. */
public final class QepFullQuantizer extends StagewiseQuantizer {

  public QepFullQuantizer() {
    super("qep-full", Optional.empty(), new QepRounding(1, 0.5));
  }
}
