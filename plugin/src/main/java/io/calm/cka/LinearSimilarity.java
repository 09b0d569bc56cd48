package io.calm.cka;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;

/** The measure of a metric, computed from the linear kernels of its features. */
record LinearSimilarity(Metric metric, int threads, SearchKernels kernels) implements Similarity {

  @Override
  public boolean readsInput() {
    return metric.readsInput();
  }

  @Override
  public Reference reference(Matrix reference, Matrix input, ComparedRows rows) {
    LinearReference prepared =
        new LinearReference(reference, input, rows, metric.features(), threads, kernels);
    return new Reference() {
      @Override
      public ComparedRows rows() {
        return rows;
      }

      @Override
      public Score score(Matrix candidate) {
        return prepared.score(candidate, metric::judge);
      }
    };
  }
}
