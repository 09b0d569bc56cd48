package io.calm.quant.smooth;

import io.calm.model.FoldSite;
import io.calm.quant.ExponentSearch;
import io.calm.quant.Fold;
import io.calm.quant.Rounding;
import io.calm.quant.StageProblem;
import io.calm.tensor.Matrix;

/**
 * SmoothQuant's scales (arXiv 2211.10438, equation 4): s = max|x|^alpha / max|w|^(1 - alpha) per
 * channel, with alpha from a small grid that includes the identity, chosen by the smallest error of
 * the W4A8 module.
 */
final class SmoothFold implements Fold {
  private static final double[] ALPHAS = {0.3, 0.4, 0.5, 0.6, 0.7, 0.8};

  @Override
  public Choice choose(StageProblem stage, Rounding rounding) {
    FoldSite site = stage.site();
    float[] activation = max(site, stage.activations().maxAbsolute());
    float[] weight = max(site, columnPeaks(stage.weight()));
    return ExponentSearch.best(
        stage, false, rounding, ALPHAS, alpha -> scales(activation, weight, alpha));
  }

  private static float[] scales(float[] activation, float[] weight, double alpha) {
    float[] scales = ExponentSearch.power(activation, alpha);
    float[] divisors = ExponentSearch.power(weight, 1 - alpha);
    for (int c = 0; c < scales.length; c++) {
      scales[c] /= divisors[c];
    }
    return scales;
  }

  private static float[] columnPeaks(Matrix weight) {
    float[] peaks = new float[weight.columns()];
    float[] row = new float[weight.columns()];
    for (int n = 0; n < weight.rows(); n++) {
      weight.readRow(n, row);
      for (int k = 0; k < row.length; k++) {
        peaks[k] = Math.max(peaks[k], Math.abs(row[k]));
      }
    }
    return peaks;
  }

  /** Takes the largest of the inputs that share a channel. */
  private static float[] max(FoldSite site, float[] perInput) {
    float[] peaks = new float[site.channels()];
    for (int k = 0; k < perInput.length; k++) {
      int channel = site.channelOf(k);
      peaks[channel] = Math.max(peaks[channel], perInput[k]);
    }
    return peaks;
  }
}
