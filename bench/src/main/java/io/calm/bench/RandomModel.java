package io.calm.bench;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Creates W4A8 models of any shape with random weights. */
public final class RandomModel {
  private static final int LARGEST_GROUP = 128;

  private RandomModel() {}

  /** The format of embeddings and lm_head. */
  public enum Head {
    INT4,
    INT8
  }

  /** Returns a model of {@code spec} in the largest groups that divide its widths. */
  public static QuantizedModel of(ModelSpec spec, Head head, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
    for (int layer = 0; layer < spec.layers(); layer++) {
      blocks.add(block(spec, random));
    }
    TokenTable embeddings = table(spec, head, random);
    return new QuantizedModel(
        spec,
        blocks,
        embeddings,
        spec.tiedEmbeddings() ? embeddings : table(spec, head, random),
        ones(spec.hidden()),
        ActivationMode.PER_GROUP);
  }

  /** Returns the same model with random int8 embeddings and lm_head. */
  public static QuantizedModel withInt8Head(QuantizedModel model, long seed) {
    TokenTable table = table(model.spec(), Head.INT8, new SplittableRandom(seed));
    return new QuantizedModel(
        model.spec(), model.blocks(), table, table, model.finalNorm(), model.activation());
  }

  private static BlockParameters<QuantizedLinear> block(ModelSpec spec, SplittableRandom random) {
    Map<LinearRole, QuantizedLinear> linears = new EnumMap<>(LinearRole.class);
    Map<NormRole, float[]> norms = new EnumMap<>(NormRole.class);
    for (LinearRole role : LinearRole.values()) {
      int inputs = spec.inputs(role);
      linears.put(role, RandomWeights.linear(spec.outputs(role), inputs, group(inputs), random));
    }
    for (NormRole norm : spec.norms()) {
      norms.put(norm, ones(spec.width(norm)));
    }
    return new BlockParameters<>(linears, Map.of(), norms);
  }

  private static TokenTable table(ModelSpec spec, Head head, SplittableRandom random) {
    int width = spec.hidden();
    return switch (head) {
      case INT4 ->
          new TokenTable.Int4(RandomWeights.linear(spec.vocabulary(), width, group(width), random));
      case INT8 ->
          RandomWeights.table(spec.vocabulary(), width, TokenTable.Int8Table.GROUP, random);
    };
  }

  private static int group(int inputs) {
    return QuantizedLinear.groupFor(inputs, LARGEST_GROUP);
  }

  private static float[] ones(int width) {
    float[] ones = new float[width];
    Arrays.fill(ones, 1);
    return ones;
  }

  /** Returns the bytes of weights that the decode of one token reads. */
  public static double bytesPerToken(QuantizedModel model) {
    double bytes = bytes(model.head());
    for (BlockParameters<QuantizedLinear> block : model.blocks()) {
      for (QuantizedLinear linear : block.linears().values()) {
        bytes += bytes(linear);
      }
    }
    return bytes;
  }

  /** Returns the multiply-adds of one token in the blocks' linears. */
  public static double productsPerToken(ModelSpec spec) {
    double products = 0;
    for (LinearRole role : LinearRole.values()) {
      products += (double) spec.outputs(role) * spec.inputs(role);
    }
    return products * spec.layers();
  }

  private static long bytes(QuantizedLinear linear) {
    return (long) linear.codes().remaining() + linear.grids().remaining();
  }

  private static long bytes(TokenTable table) {
    if (table instanceof TokenTable.Int4 int4) {
      return bytes(int4.weight());
    }
    if (table instanceof TokenTable.Int8Table int8) {
      return (long) int8.codes().remaining() + int8.scales().remaining();
    }
    throw new IllegalArgumentException(
        "expected an int4 or int8 table, got " + table.format().setting());
  }
}
