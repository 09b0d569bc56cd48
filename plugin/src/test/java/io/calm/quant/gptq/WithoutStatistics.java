package io.calm.quant.gptq;

import io.calm.quant.Compute;
import io.calm.quant.InputStatistics;
import io.calm.quant.RoundingProblem;
import io.calm.tensor.JavaLinearAlgebra;
import io.calm.tensor.Matrix;

/** Statistics that a step of a rounding must not ask for, as it is given what follows from them. */
final class WithoutStatistics implements InputStatistics {

  /** Returns a problem that has a weight and nothing else. */
  static RoundingProblem problem(Matrix weight, int group, Compute compute) {
    return new RoundingProblem(
        weight, group, new WithoutStatistics(), row -> "TEST", new JavaLinearAlgebra(), compute);
  }

  private static UnsupportedOperationException notGiven() {
    return new UnsupportedOperationException("a step has its grids, its Hessian or its factor");
  }

  @Override
  public float[] meanSquare() {
    throw notGiven();
  }

  @Override
  public Matrix gram() {
    throw notGiven();
  }

  @Override
  public int sequences() {
    throw notGiven();
  }

  @Override
  public double squaredCorrelations(Matrix gram) {
    throw notGiven();
  }

  @Override
  public int rows() {
    throw notGiven();
  }
}
