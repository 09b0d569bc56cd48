package io.calm.checkpoint.gguf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.model.SizeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Reads a model's sizes and topology from GGUF metadata. */
final class GgufSpec {
  static final String LLAMA = "llama";
  private static final String QWEN2 = "qwen2";
  private static final String QWEN3 = "qwen3";
  private static final String WINDOW_PATTERN = ".attention.sliding_window_pattern";
  private static final Set<String> ARCHITECTURES = Set.of(LLAMA, QWEN2, QWEN3);

  /** Keys that change the computation, with the value that has no effect. */
  private static final Map<String, Double> NEUTRAL =
      Map.of(
          ".expert_count", 0.0,
          ".logit_scale", 1.0,
          ".residual_scale", 1.0,
          ".embedding_scale", 1.0,
          ".attn_logit_softcapping", 0.0,
          ".final_logit_softcapping", 0.0);

  /** Metadata keys by component of {@link ModelSpec}. */
  private static final Map<String, String> KEYS =
      Map.of(
          "hidden", ".embedding_length",
          "layers", ".block_count",
          "heads", ".attention.head_count",
          "kvHeads", ".attention.head_count_kv",
          "headDim", ".attention.key_length",
          "intermediate", ".feed_forward_length",
          "vocabulary", ".vocab_size",
          "maxContext", ".context_length",
          "rmsEpsilon", ".attention.layer_norm_rms_epsilon",
          "windows", ".attention.sliding_window");

  private final GgufKeys keys;
  private final TensorTable tensors;

  private GgufSpec(GgufFile gguf) {
    this.keys = new GgufKeys(gguf);
    this.tensors = gguf.tensors();
  }

  /**
   * Reads the sizes and topology of a model.
   *
   * @throws CheckpointException if the architecture or one of its features is not supported
   */
  static ModelSpec read(GgufFile gguf) {
    return new GgufSpec(gguf).spec();
  }

  private ModelSpec spec() {
    requireSupported();
    int hidden = keys.requiredInteger(".embedding_length");
    int layers = layers();
    int heads = keys.requiredInteger(".attention.head_count");
    int context = keys.requiredInteger(".context_length");
    int headDim = headDim(hidden, heads);
    requireAttentionScale(headDim);
    RopeSpec rope = GgufRope.read(keys, tensors, headDim, context);
    try {
      return new ModelSpec(
          keys.architecture(),
          hidden,
          layers,
          heads,
          keys.integer(".attention.head_count_kv").orElse(heads),
          headDim,
          keys.requiredInteger(".feed_forward_length"),
          vocabulary(),
          scaledContext(rope, context),
          (float) keys.requiredNumber(".attention.layer_norm_rms_epsilon"),
          rope,
          tensors.find(GgufTensorNames.INSTANCE.head()).isEmpty(),
          biases(),
          keys.architecture().equals(QWEN3),
          windows(layers));
    } catch (SizeException e) {
      throw keys.wrong(
          Arrays.stream(e.size().split(" \\* ", -1))
              .map(size -> keys.full(KEYS.getOrDefault(size, size)))
              .collect(Collectors.joining(" * ")),
          e.expected(),
          e.got());
    }
  }

  private void requireSupported() {
    if (!ARCHITECTURES.contains(keys.architecture())) {
      throw CheckpointException.refused(
          keys.where("general.architecture"),
          "llama (LLaMA, Mistral, SmolLM2), qwen2 or qwen3",
          keys.architecture(),
          "this architecture is not supported");
    }
    String type = keys.text("general.type").orElse("model");
    if (!type.equals("model")) {
      throw keys.wrong("general.type", "model", type);
    }
    if (keys.integer("split.count").orElse(1) > 1) {
      throw CheckpointException.refused(
          keys.where("split.count"),
          "a model in one file",
          keys.requiredInteger("split.count") + " parts",
          "join them with llama.cpp's `llama-gguf-split --merge`");
    }
    NEUTRAL.forEach(
        (key, neutral) -> {
          double value = keys.number(key).orElse(neutral);
          if (value != neutral && value != 0) {
            throw keys.wrong(key, "no such key, or " + neutral, value);
          }
        });
    if (!keys.flag(".attention.causal").orElse(true)) {
      throw keys.wrong(".attention.causal", "true", false);
    }
  }

  private int layers() {
    int layers = keys.requiredInteger(".block_count");
    if (layers > ModelSpec.MAX_LAYERS) {
      throw keys.wrong(".block_count", "1 to " + ModelSpec.MAX_LAYERS, layers);
    }
    return layers;
  }

  private int headDim(int hidden, int heads) {
    int headDim = keys.integer(".attention.key_length").orElse(heads == 0 ? 0 : hidden / heads);
    for (String same : List.of(".attention.value_length", ".rope.dimension_count")) {
      int other = keys.integer(same).orElse(headDim);
      if (other != headDim) {
        throw keys.wrong(same, headDim + ", the width of a key head", other);
      }
    }
    return headDim;
  }

  private void requireAttentionScale(int headDim) {
    double usual = 1 / Math.sqrt(headDim);
    double scale = keys.number(".attention.scale").orElse(0);
    if (scale != 0 && Math.abs(scale - usual) > 1e-6 * usual) {
      throw keys.wrong(".attention.scale", "1/sqrt(%d)".formatted(headDim), scale);
    }
  }

  private int vocabulary() {
    StoredTensor embeddings = tensors.get(GgufTensorNames.INSTANCE.embeddings());
    long rows = embeddings.rows();
    int declared = keys.integer(".vocab_size").orElse((int) Math.min(rows, Integer.MAX_VALUE));
    if (rows != declared) {
      throw CheckpointException.refused(
          embeddings.where(),
          "%d rows (%s.vocab_size)".formatted(declared, keys.architecture()),
          rows,
          "the file is damaged: download it again");
    }
    return declared;
  }

  private Set<LinearRole> biases() {
    Set<LinearRole> biases = EnumSet.noneOf(LinearRole.class);
    if (keys.architecture().equals(QWEN2)) {
      Collections.addAll(biases, LinearRole.Q, LinearRole.K, LinearRole.V);
    }
    for (LinearRole role : LinearRole.values()) {
      if (tensors.find(GgufTensorNames.INSTANCE.bias(0, role)).isPresent()) {
        biases.add(role);
      }
    }
    return biases;
  }

  private List<Integer> windows(int layers) {
    int window = keys.integer(".attention.sliding_window").orElse(0);
    if (window == 0) {
      return Collections.nCopies(layers, 0);
    }
    Object pattern = keys.value(WINDOW_PATTERN).orElse(List.of());
    if (pattern instanceof List<?> flags && (flags.isEmpty() || flags.size() == layers)) {
      List<Integer> windows = new ArrayList<>();
      for (int i = 0; i < layers; i++) {
        windows.add(flags.isEmpty() || hasWindow(flags.get(i)) ? window : 0);
      }
      return windows;
    }
    throw wrongPattern(pattern);
  }

  /** Reads a flag of the pattern, which llama.cpp takes as a number too. */
  private boolean hasWindow(Object flag) {
    if (flag instanceof Boolean has) {
      return has;
    }
    if (flag instanceof Long number && (number == 0 || number == 1)) {
      return number == 1;
    }
    throw wrongPattern(flag);
  }

  private CheckpointException wrongPattern(Object got) {
    return keys.wrong(WINDOW_PATTERN, "true or false for each block", got);
  }

  private static int scaledContext(RopeSpec rope, int context) {
    return rope.scaling() instanceof RopeSpec.Yarn yarn
        ? Math.max(context, Math.round(yarn.factor() * yarn.originalContext()))
        : context;
  }
}
