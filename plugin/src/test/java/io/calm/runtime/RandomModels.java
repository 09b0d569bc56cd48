package io.calm.runtime;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.tensor.Lifetime;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.RandomLinears;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.random.RandomGenerator;

/** Small W4A8 models with random weights, for every feature of the topology. */
public final class RandomModels {
  /** The number of tokens of every topology. */
  public static final int VOCABULARY = 61;

  private static final RopeSpec PLAIN_ROPE = new RopeSpec(10000f, new RopeSpec.None());

  private RandomModels() {}

  /** Returns a topology with three blocks, 61 tokens, 100 hidden features and 200 positions. */
  public static ModelSpec spec(
      int heads,
      int kvHeads,
      int headDim,
      RopeSpec rope,
      Set<LinearRole> biases,
      boolean headNorms,
      int window) {
    return new ModelSpec(
        "llama",
        100,
        3,
        heads,
        kvHeads,
        headDim,
        130,
        VOCABULARY,
        600,
        1e-5f,
        rope,
        false,
        biases,
        headNorms,
        List.of(0, window, window));
  }

  /** Returns a plain LLaMA of these sizes. */
  public static ModelSpec plain() {
    return spec(4, 2, 16, PLAIN_ROPE, Set.of(), false, 0);
  }

  /** Returns topologies with all that a decoder distinguishes. */
  public static List<ModelSpec> topologies() {
    return List.of(
        plain(),
        spec(4, 4, 26, PLAIN_ROPE, Set.of(LinearRole.Q, LinearRole.K, LinearRole.V), false, 0),
        spec(6, 1, 18, PLAIN_ROPE, Set.of(LinearRole.values()), true, 0),
        spec(4, 2, 32, new RopeSpec(1e6f, new RopeSpec.Linear(4)), Set.of(), false, 5),
        spec(3, 3, 32, new RopeSpec(5e5f, new RopeSpec.Llama3(8, 1, 4, 32)), Set.of(), true, 70));
  }

  /** Returns random tokens. */
  public static int[] tokens(int count, RandomGenerator random) {
    return random.ints(count, 0, VOCABULARY).toArray();
  }

  /** Returns random weights for {@code spec}, int8 embeddings and lm_head. */
  public static QuantizedModel model(
      ModelSpec spec, int group, ActivationMode activation, Random random) {
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
    for (int layer = 0; layer < spec.layers(); layer++) {
      blocks.add(block(spec, group, random));
    }
    return new QuantizedModel(
        spec,
        blocks,
        table(spec, group, random),
        table(spec, group, random),
        norm(spec.hidden(), random),
        activation);
  }

  /** Returns random weights for {@code spec} that may be read as long as {@code lifetime} lasts. */
  static QuantizedModel lasting(Lifetime lifetime, ModelSpec spec) {
    QuantizedModel model = model(spec, 32, ActivationMode.PER_GROUP, new Random(4));
    return new QuantizedModel(
        spec,
        model.blocks(),
        model.embeddings(),
        model.head(),
        model.finalNorm(),
        model.activation(),
        lifetime);
  }

  /** Returns a model that no decoder can rotate: what fails late in its construction. */
  static QuantizedModel withoutAngles(Lifetime lifetime) {
    RopeSpec rope = new RopeSpec(10000f, new RopeSpec.Factors(new float[] {1, 2}));
    return lasting(lifetime, spec(4, 2, 16, rope, Set.of(), false, 0));
  }

  private static BlockParameters<QuantizedLinear> block(ModelSpec spec, int group, Random random) {
    Map<LinearRole, QuantizedLinear> linears = new EnumMap<>(LinearRole.class);
    Map<LinearRole, float[]> biases = new EnumMap<>(LinearRole.class);
    Map<NormRole, float[]> norms = new EnumMap<>(NormRole.class);
    for (LinearRole role : LinearRole.values()) {
      QuantizedMatrix matrix =
          RandomLinears.matrix(spec.outputs(role), spec.inputs(role), group, random);
      linears.put(role, Packing.pack(matrix));
      if (spec.biases().contains(role)) {
        biases.put(role, RandomLinears.vector(spec.outputs(role), random));
      }
    }
    for (NormRole role : spec.norms()) {
      norms.put(role, norm(spec.width(role), random));
    }
    return new BlockParameters<>(linears, biases, norms);
  }

  private static float[] norm(int width, Random random) {
    float[] weight = RandomLinears.vector(width, random);
    for (int i = 0; i < width; i++) {
      weight[i] = 1 + 0.1f * weight[i];
    }
    return weight;
  }

  private static TokenTable table(ModelSpec spec, int group, Random random) {
    Matrix rows = Matrix.allocate(spec.vocabulary(), spec.hidden());
    for (int v = 0; v < spec.vocabulary(); v++) {
      rows.writeRow(v, RandomLinears.vector(spec.hidden(), random));
    }
    return TokenTableBuilder.int8(
            spec.vocabulary(), spec.hidden(), group, ByteBuffer::allocateDirect)
        .add(rows)
        .build();
  }
}
