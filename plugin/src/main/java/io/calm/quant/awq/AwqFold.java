package io.calm.quant.awq;

import io.calm.model.FoldSite;
import io.calm.quant.ExponentSearch;
import io.calm.quant.Fold;
import io.calm.quant.Rounding;
import io.calm.quant.StageProblem;

/**
 * AWQ's scales (arXiv 2306.00978, section 3.2): s = mean|x|^alpha per channel, with alpha from a
 * grid of 20 that begins with 0 (the identity), chosen by the smallest error of the W4A8 module.
 */
final class AwqFold implements Fold {
  private static final int GRID = 20;

  @Override
  public Choice choose(StageProblem stage, Rounding rounding) {
    FoldSite site = stage.site();
    float[] magnitude = mean(site, stage.activations().meanAbsolute());
    double[] alphas = new double[GRID];
    for (int i = 0; i < GRID; i++) {
      alphas[i] = (double) i / GRID;
    }
    return ExponentSearch.best(
        stage, true, rounding, alphas, alpha -> ExponentSearch.power(magnitude, alpha));
  }

  /** Averages the inputs that share a channel. */
  private static float[] mean(FoldSite site, float[] perInput) {
    float[] sums = new float[site.channels()];
    for (int k = 0; k < perInput.length; k++) {
      sums[site.channelOf(k)] += perInput[k];
    }
    float tied = (float) perInput.length / sums.length;
    for (int c = 0; c < sums.length; c++) {
      sums[c] /= tied;
    }
    return sums;
  }
}
