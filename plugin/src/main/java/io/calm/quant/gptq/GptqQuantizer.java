package io.calm.quant.gptq;

import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** GPTQ: rounding with error feedback and no scales. */
public final class GptqQuantizer extends StagewiseQuantizer {

  public GptqQuantizer() {
    super("gptq", Optional.empty(), new GptqRounding());
  }
}
