package io.calm.quant.gptq;

import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** QEP: weights corrected for earlier quantization errors, then rounded with GPTQ; no scales. */
public final class QepQuantizer extends StagewiseQuantizer {

  public QepQuantizer() {
    super("qep", Optional.empty(), new QepRounding());
  }
}
