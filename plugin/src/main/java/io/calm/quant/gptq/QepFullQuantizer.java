package io.calm.quant.gptq;

import io.calm.quant.StagewiseQuantizer;
import java.util.Optional;

/**
 * QEP with the full correction, damped by half of the mean diagonal: the strong directions of
 * the input are corrected fully, the weak ones little.
 */
public final class QepFullQuantizer extends StagewiseQuantizer {

  public QepFullQuantizer() {
    super("qep-full", Optional.empty(), new QepRounding(1, 0.5));
  }
}
