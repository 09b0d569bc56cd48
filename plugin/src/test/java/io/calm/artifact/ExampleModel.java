package io.calm.artifact;

import io.calm.cka.Metric;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.search.QuantPlan;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;

/** A small model of random bytes, the same for the same seed, with everything a model can have. */
final class ExampleModel {
  static final ArtifactKey KEY =
      new ArtifactKey(List.of("0a".repeat(32)), "group=64 pool=rtn,gptq", "self seed=7");

  /** Of {@link #create(long)}. */
  static final ArtifactLayout LAYOUT =
      new ArtifactLayout(64, TableFormat.INT8, Optional.of(TableFormat.FLOAT16));

  private ExampleModel() {}

  static ModelSpec spec(int layers) {
    return new ModelSpec(
        "qwen3",
        96,
        layers,
        4,
        2,
        20,
        160,
        50,
        512,
        1e-5f,
        new RopeSpec(10_000, new RopeSpec.Llama3(8, 1, 4, 8192)),
        false,
        Set.of(LinearRole.Q, LinearRole.V),
        true,
        Collections.nCopies(layers, 128));
  }

  static QuantizedModel create(long seed, int layers, TokenTable embeddings, TokenTable head) {
    Random random = new Random(seed);
    ModelSpec spec = spec(layers);
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      blocks.add(block(spec, random));
    }
    return new QuantizedModel(
        spec, blocks, embeddings, head, floats(random, spec.hidden()), ActivationMode.PER_TOKEN);
  }

  static QuantizedModel create(long seed) {
    return create(seed, 3, int8(seed), float16(seed));
  }

  static BlockParameters<QuantizedLinear> block(ModelSpec spec, Random random) {
    Map<LinearRole, QuantizedLinear> linears = new EnumMap<>(LinearRole.class);
    Map<LinearRole, float[]> biases = new EnumMap<>(LinearRole.class);
    Map<NormRole, float[]> norms = new EnumMap<>(NormRole.class);
    for (LinearRole role : LinearRole.values()) {
      int n = spec.outputs(role);
      linears.put(role, linear(random, n, spec.inputs(role)));
      if (spec.biases().contains(role)) {
        biases.put(role, floats(random, n));
      }
    }
    for (NormRole norm : spec.norms()) {
      norms.put(norm, floats(random, spec.width(norm)));
    }
    return new BlockParameters<>(linears, biases, norms);
  }

  static QuantizedLinear linear(Random random, int n, int k) {
    int group = QuantizedLinear.groupFor(k, 64);
    return new QuantizedLinear(
        n,
        k,
        group,
        bytes(random, QuantizedLinear.codeBytes(n, k, group)),
        bytes(random, QuantizedLinear.gridBytes(n, k, group)));
  }

  static TokenTable int8(long seed) {
    Random random = new Random(seed);
    return new TokenTable.Int8Table(
        50,
        96,
        32,
        bytes(random, TokenTable.Int8Table.codeBytes(50, 96, 32)),
        bytes(random, 4L * QuantizedLinear.paddedOutputs(50)));
  }

  static TokenTable int4(long seed) {
    return new TokenTable.Int4(linear(new Random(seed), 50, 96));
  }

  static TokenTable float16(long seed) {
    return new TokenTable.Float16Table(50, 96, bytes(new Random(seed), 50L * 96 * 2));
  }

  static TokenTable float32(long seed) {
    return new TokenTable.Float32(50, 96, bytes(new Random(seed), 50L * 96 * 4));
  }

  private static ByteBuffer bytes(Random random, long size) {
    byte[] bytes = new byte[Math.toIntExact(size)];
    random.nextBytes(bytes);
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  private static float[] floats(Random random, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Returns the choice with two algorithms in its halves. */
  private static QuantPlan.BlockChoice byParts(QuantPlan.BlockChoice whole) {
    return new QuantPlan.BlockChoice(
        whole.block(),
        "rtn/awq+gptq",
        whole.reason(),
        whole.candidates(),
        Optional.of(
            new QuantPlan.Parts(
                List.of(
                    new QuantPlan.PartChoice(
                        "attention", "rtn", "highest score", whole.candidates()),
                    new QuantPlan.PartChoice(
                        "mlp", "awq+gptq", "highest score", whole.candidates())),
                whole.candidates().get("rtn"))));
  }

  static QuantPlan plan(int layers) {
    List<QuantPlan.BlockChoice> choices = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      Map<String, QuantPlan.Candidate> candidates = new LinkedHashMap<>();
      candidates.put(
          "rtn",
          new QuantPlan.Candidate(
              1 - 1.0 / (3 + layer),
              Math.nextDown(1.0),
              1e-300,
              1 / 7.0,
              0.25,
              Optional.empty(),
              Map.of()));
      candidates.put(
          "awq+gptq",
          new QuantPlan.Candidate(
              Double.NaN,
              Double.POSITIVE_INFINITY,
              Double.NEGATIVE_INFINITY,
              Double.NaN,
              -0.0,
              Optional.of("Cholesky: \"pivot\" 3 <= 0\n"),
              Map.of("alpha", "0.5")));
      choices.add(new QuantPlan.BlockChoice(layer, "rtn", "highest score", candidates));
    }
    if (layers > 1) {
      choices.set(0, byParts(choices.get(0)));
    }
    return new QuantPlan(
        choices,
        List.of("rtn", "awq+gptq"),
        "calm",
        "the mix's KL is lower",
        64,
        Metric.CKA,
        2 * layers,
        11,
        12,
        3,
        1536,
        Optional.of(
            new QuantPlan.GuardResult(
                "gptq",
                0.1,
                0.2,
                1 / 3.0,
                true,
                List.of(new QuantPlan.UniformResult("gptq", 0.7, 0.2, 1 / 3.0)))),
        new QuantPlan.Head(
            TableFormat.INT4,
            "within",
            Optional.of(new QuantPlan.HeadTrialResult(0.1, 1 / 9.0, 1e-9, 0.02))),
        new QuantPlan.Calibration(
            "self", 24, 6, 6, 4, Long.MIN_VALUE + 1, List.of(List.of(1, 2, 3), List.of())),
        12.5,
        Optional.empty());
  }

  /** Writes {@code model} as the only draft; {@code afterBlock} runs after each block. */
  static Artifact write(ArtifactWriter writer, QuantizedModel model, Runnable afterBlock) {
    writer.embeddings(model.embeddings());
    if (model.head() == model.embeddings()) {
      writer.tiedHead();
    } else {
      writer.head(model.head());
    }
    ArtifactWriter.Draft draft = writer.draft("calm");
    for (int layer = 0; layer < model.blocks().size(); layer++) {
      draft.block(layer, model.blocks().get(layer));
      afterBlock.run();
    }
    return writer.publish(
        plan(model.blocks().size()), draft, model.finalNorm(), model.activation());
  }

  /** Claims {@link #KEY}, behind another writer if there is one. */
  static ArtifactStore.Claim claim(ArtifactStore store, ModelSpec spec) {
    Optional<ArtifactStore.Claim> claim = store.begin(KEY, spec, LAYOUT, 1);
    while (claim.isEmpty()) {
      store.awaitWriter(KEY, () -> {});
      claim = store.begin(KEY, spec, LAYOUT, 1);
    }
    return claim.get();
  }

  /** Claims {@link #KEY}, which must be free, and publishes {@code model}. */
  static Artifact publish(ArtifactStore store, QuantizedModel model) {
    ArtifactStore.Claim claim = claim(store, model.spec());
    if (claim instanceof ArtifactStore.Granted granted) {
      try (ArtifactWriter writer = granted.writer()) {
        return write(writer, model, () -> {});
      }
    }
    throw new AssertionError("already published");
  }
}
