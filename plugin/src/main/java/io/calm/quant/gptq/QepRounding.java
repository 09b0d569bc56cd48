package io.calm.quant.gptq;

import io.calm.quant.Rounding;
import io.calm.quant.RoundingProblem;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.util.Optional;

/**
 * Quantization error propagation (QEP, arXiv 2504.09629): before the weights are rounded, they are
 * corrected for the errors of everything that was quantized before them. GPTQ then rounds the
 * corrected weights.
 *
 * <p>GPTQ keeps W x^ close to its value, with x^ the input in the quantized model. QEP keeps it
 * close to W x, the full-precision model's value on the same tokens. Without rounding, the weights
 * that do so best solve a ridge regression:
 *
 * <pre>
 * W* = W + (W sum (x - x^) x^' + sum (r - r^) x^') (H + damping)^-1,   H = sum x^ x^'
 * </pre>
 *
 * The term with the residual streams r and r^ is an addition to the paper. It applies to the
 * linears whose output is added to the residual stream (o and down): they also correct the error
 * that the stream already has. The paper takes a share alpha of the correction, with a small
 * damping. A damping above the mean of the diagonal takes most of it along the few directions in
 * which inputs vary most, and little along the others, where few calibration tokens have more noise
 * than signal. H is shrunk towards its diagonal only for the rounding: the sums on its left have
 * the same noise, and a correction with H alone shrunk would count inputs that go together several
 * times.
 *
 * <p>Costs more than GPTQ: the deviation (2 T N K multiply-adds over T tokens for o and down, T K^2
 * + N K^2 for the others), a Cholesky factor (K^3 / 6), a solution (N K^2) and one more [N, K]
 * matrix.
 */
final class QepRounding implements Rounding {
  /** Damping as a share of the mean of the diagonal of H. */
  private static final double DAMPING = 3;

  @Override
  public boolean comparesStreams() {
    return true;
  }

  @Override
  public boolean needsGram() {
    return true;
  }

  @Override
  public QuantizedMatrix round(RoundingProblem problem) {
    Matrix gram = GptqRounding.gram(problem);
    if (!isFinite(problem.weight())) {
      return GptqRounding.round(problem, gram); // names the weight, which a correction would spread
    }
    Matrix corrected;
    try {
      corrected = corrected(problem, gram);
    } catch (RuntimeException | Error e) {
      gram.close();
      throw e;
    }
    try (corrected) {
      return GptqRounding.round(problem.withWeight(corrected), gram);
    }
  }

  @Override
  public Optional<Rounding> roundingForFolds() {
    return Optional.of(new GptqRounding());
  }

  private static boolean isFinite(Matrix weight) {
    float[] row = new float[weight.columns()];
    for (int n = 0; n < weight.rows(); n++) {
      weight.readRow(n, row);
      for (float w : row) {
        if (!Float.isFinite(w)) {
          return false;
        }
      }
    }
    return true;
  }

  private static Matrix corrected(RoundingProblem problem, Matrix gram) {
    Matrix correction = deviation(problem);
    try {
      DampedHessian.divide(correction, problem, gram, DAMPING);
      add(problem.weight(), correction, problem.parallel());
      return correction;
    } catch (RuntimeException | Error e) {
      correction.close();
      throw e;
    }
  }

  /** Adds {@code x} to {@code target}. */
  private static void add(Matrix x, Matrix target, Parallel parallel) {
    parallel.ranges(
        x.rows(),
        (from, to) -> {
          float[] row = new float[x.columns()];
          float[] sum = new float[x.columns()];
          for (int n = from; n < to; n++) {
            x.readRow(n, row);
            target.readRow(n, sum);
            for (int k = 0; k < sum.length; k++) {
              sum[k] += row[k];
            }
            target.writeRow(n, sum);
          }
        });
  }

  private static Matrix deviation(RoundingProblem problem) {
    return problem
        .inputs()
        .deviation(problem.weight())
        .orElseThrow(() -> new IllegalStateException("qep: the full-precision stream is missing"));
  }
}
