package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.RopeSpec;
import io.calm.model.WeightSource;
import io.calm.tensor.Matrix;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * A small random model with grouped queries and biases whose linears lie on 4-bit grids with
 * power-of-two steps: W4A8 holds them without error.
 */
class SyntheticModel implements WeightSource {
  private static final int HEAD_DIM = 32;

  private final ModelSpec spec;
  private final long seed;

  SyntheticModel(int layers, long seed) {
    this.spec =
        new ModelSpec(
            "synthetic",
            128,
            layers,
            4,
            2,
            HEAD_DIM,
            192,
            61,
            64,
            1e-5f,
            new RopeSpec(10000, new RopeSpec.None()),
            true,
            Set.of(LinearRole.Q, LinearRole.V, LinearRole.UP),
            false,
            Collections.nCopies(layers, 0));
    this.seed = seed;
  }

  @Override
  public ModelSpec spec() {
    return spec;
  }

  @Override
  public BlockParameters<Matrix> block(int layer) {
    SplittableRandom random = new SplittableRandom(seed + layer);
    Map<LinearRole, Matrix> linears = new EnumMap<>(LinearRole.class);
    Map<LinearRole, float[]> biases = new EnumMap<>(LinearRole.class);
    for (LinearRole role : LinearRole.values()) {
      linears.put(role, onGrid(random, spec.outputs(role), spec.inputs(role)));
      if (spec.biases().contains(role)) {
        biases.put(role, vector(random, spec.outputs(role), 0));
      }
    }
    Map<NormRole, float[]> norms =
        Map.of(
            NormRole.ATTENTION, vector(random, spec.hidden(), 1),
            NormRole.MLP, vector(random, spec.hidden(), 1));
    return new BlockParameters<>(linears, biases, norms);
  }

  private static Matrix onGrid(SplittableRandom random, int outputs, int inputs) {
    Matrix matrix = Matrix.allocate(outputs, inputs);
    float step = 1f / 128;
    for (int n = 0; n < outputs; n++) {
      for (int k = 0; k < inputs; k++) {
        // Both ends in every group of 32, so that the grid is known from the range.
        int code = k % 32 == 0 ? 0 : k % 32 == 1 ? 15 : random.nextInt(16);
        matrix.set(n, k, step * (code - 8));
      }
    }
    return matrix;
  }

  private static float[] vector(SplittableRandom random, int length, float mean) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = mean + (float) (0.2 * random.nextGaussian());
    }
    return values;
  }

  @Override
  public Matrix embeddingRows(int from, int to) {
    SplittableRandom random = new SplittableRandom(seed - 1);
    Matrix rows = Matrix.allocate(to - from, spec.hidden());
    for (int r = 0; r < to; r++) {
      float[] row = vector(random, spec.hidden(), 0);
      if (r >= from) {
        rows.writeRow(r - from, row);
      }
    }
    return rows;
  }

  @Override
  public Matrix headRows(int from, int to) {
    return embeddingRows(from, to);
  }

  @Override
  public float[] finalNorm() {
    return vector(new SplittableRandom(seed - 2), spec.hidden(), 1);
  }

  /** Returns windows of random tokens. */
  List<int[]> windows(int count, int length, long tokenSeed) {
    SplittableRandom random = new SplittableRandom(tokenSeed);
    return java.util.stream.IntStream.range(0, count)
        .mapToObj(i -> random.ints(length, 0, spec.vocabulary()).toArray())
        .toList();
  }
}
