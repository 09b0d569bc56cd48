package io.calm.quant;

import io.calm.model.ActivationMode;
import io.calm.model.FoldSite;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The linears that share one input, stacked to a single weight [N, K], and that input: the problem
 * that folds and roundings solve. Scales are applied in place.
 */
public final class StageProblem implements AutoCloseable {
  private final BlockSample sample;
  private final StageWalk walk;
  private final List<LinearRole> roles;
  private final Matrix weight;
  private final int group;

  /**
   * Creates the problem of all linears of the walk's stage.
   *
   * @throws QuantizationException if their weights together are too large
   */
  public StageProblem(BlockSample sample, StageWalk walk) {
    this(sample, walk, walk.stage().linears());
  }

  /**
   * Creates the problem of some linears of the walk's stage.
   *
   * @throws QuantizationException if their weights together are too large
   */
  public StageProblem(BlockSample sample, StageWalk walk, List<LinearRole> roles) {
    this.sample = sample;
    this.walk = walk;
    this.roles = List.copyOf(roles);
    this.weight = stack(sample, roles);
    this.group = QuantizedLinear.groupFor(weight.columns(), sample.groupLimit());
  }

  private static Matrix stack(BlockSample sample, List<LinearRole> roles) {
    ModelSpec spec = sample.spec();
    StageLimits.requireStacked(spec, roles);
    int inputs = spec.inputs(roles.get(0));
    Matrix all = Matrix.allocate(roles.stream().mapToInt(spec::outputs).sum(), inputs);
    float[] row = new float[inputs];
    int at = 0;
    for (LinearRole role : roles) {
      Matrix linear = sample.block().linear(role);
      for (int n = 0; n < linear.rows(); n++) {
        linear.readRow(n, row);
        all.writeRow(at++, row);
      }
    }
    return all;
  }

  /** Returns the weights of the linears, one after the other, [N, K]. */
  public Matrix weight() {
    return weight;
  }

  /** Returns the group of a scale along K. */
  public int group() {
    return group;
  }

  /** Returns the activations. */
  public StageWalk activations() {
    return walk;
  }

  /** Returns the weights and the input as a rounding sees them. */
  public RoundingProblem rounding() {
    return new RoundingProblem(weight, group, walk, this::linearOf, algebra(), compute());
  }

  /** Returns the place where scales fold. */
  public FoldSite site() {
    return new FoldSite(sample.spec(), walk.stage());
  }

  /** Returns how activations are rounded. */
  public ActivationMode activationMode() {
    return sample.activation();
  }

  /** Returns dense algebra. */
  public LinearAlgebra algebra() {
    return sample.algebra();
  }

  /** Returns threads and kernels. */
  public Compute compute() {
    return sample.compute();
  }

  /** Returns the name of the linear that row {@code n} of {@link #weight} belongs to. */
  public String linearOf(int n) {
    int end = 0;
    for (LinearRole role : roles) {
      end += sample.spec().outputs(role);
      if (n < end) {
        return role.name();
      }
    }
    throw new IndexOutOfBoundsException("row %d of %d".formatted(n, end));
  }

  /** Multiplies the weights' columns by {@code scales} [K] and divides the activations by them. */
  void scale(float[] scales) {
    compute()
        .parallel()
        .ranges(
            weight.rows(),
            (from, to) -> {
              float[] row = new float[weight.columns()];
              for (int n = from; n < to; n++) {
                weight.readRow(n, row);
                for (int k = 0; k < row.length; k++) {
                  row[k] *= scales[k];
                }
                weight.writeRow(n, row);
              }
            });
    walk.divide(scales);
  }

  /** Cuts the stacked result into the linears. */
  public Map<LinearRole, QuantizedMatrix> unstack(QuantizedMatrix all) {
    Map<LinearRole, QuantizedMatrix> parts = new EnumMap<>(LinearRole.class);
    int groups = (all.inputs() + all.group() - 1) / all.group();
    int first = 0;
    for (LinearRole role : roles) {
      int end = first + sample.spec().outputs(role);
      parts.put(
          role,
          new QuantizedMatrix(
              end - first,
              all.inputs(),
              all.group(),
              Arrays.copyOfRange(all.codes(), first * all.inputs(), end * all.inputs()),
              Arrays.copyOfRange(all.scales(), first * groups, end * groups),
              Arrays.copyOfRange(all.minimums(), first * groups, end * groups)));
      first = end;
    }
    return parts;
  }

  @Override
  public void close() {
    weight.close();
  }
}
