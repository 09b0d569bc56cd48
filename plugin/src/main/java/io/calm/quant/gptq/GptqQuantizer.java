package io.calm.quant.gptq;

import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/** GPTQ: no scales, error-feeding rounding. */
public final class GptqQuantizer extends StagewiseQuantizer {

  public GptqQuantizer() {
    super("gptq", Optional.empty(), new GptqRounding());
  }
}
