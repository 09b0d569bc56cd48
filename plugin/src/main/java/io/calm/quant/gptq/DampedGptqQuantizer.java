package io.calm.quant.gptq;

import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** X. */
public final class DampedGptqQuantizer extends StagewiseQuantizer {

  public DampedGptqQuantizer() {
    super("gptq-damped", Optional.empty(), new GptqRounding(0.1));
  }
}
