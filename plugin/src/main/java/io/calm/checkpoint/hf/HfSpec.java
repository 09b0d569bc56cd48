package io.calm.checkpoint.hf;

import io.calm.checkpoint.CheckpointException;
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
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;

/** Reads a model's sizes and topology from config.json, with transformers' defaults. */
final class HfSpec {
  private static final int QWEN3_HEAD_DIM = 128;
  private static final int DEFAULT_WINDOW = 4096;
  private static final int QWEN_FULL_BLOCKS = 28;

  private static final String LAYER_TYPES = "layer_types";

  /** Keys in config.json by component of {@link ModelSpec}. */
  private static final Map<String, String> KEYS =
      Map.of(
          "hidden", "hidden_size",
          "layers", "num_hidden_layers",
          "heads", "num_attention_heads",
          "kvHeads", "num_key_value_heads",
          "headDim", "head_dim",
          "intermediate", "intermediate_size",
          "vocabulary", "vocab_size",
          "maxContext", "max_position_embeddings",
          "rmsEpsilon", "rms_norm_eps",
          "windows", "sliding_window");

  private final ConfigFields config;
  private final ModelFamily family;

  private HfSpec(ConfigFields config, ModelFamily family) {
    this.config = config;
    this.family = family;
  }

  /**
   * Reads the sizes and topology of a model.
   *
   * @throws CheckpointException if the architecture or one of its features is not supported
   */
  static ModelSpec read(ConfigFields config) {
    HfSpec spec = new HfSpec(config, ModelFamily.of(config));
    spec.requireSupported();
    return spec.spec();
  }

  private void requireSupported() {
    if (config.object("quantization_config").isPresent()) {
      throw CheckpointException.refused(
          config.where("quantization_config"),
          "weights in F32, F16 or BF16",
          "a quantized checkpoint",
          "use the original model");
    }
    String activation = config.text("hidden_act").orElse("silu");
    if (!activation.equals("silu") && !activation.equals("swish")) {
      throw config.wrong("hidden_act", "silu", activation);
    }
  }

  private ModelSpec spec() {
    int hidden = config.requiredInteger("hidden_size");
    int layers = config.requiredInteger("num_hidden_layers");
    requireEntries(layers);
    int heads = config.requiredInteger("num_attention_heads");
    int context = config.integer("max_position_embeddings").orElse(family.maxContext());
    RopeSpec rope = HfRope.read(config, context);
    try {
      return new ModelSpec(
          family.modelType(),
          hidden,
          layers,
          heads,
          keyValueHeads(heads),
          headDim(hidden, heads),
          config.requiredInteger("intermediate_size"),
          config.requiredInteger("vocab_size"),
          scaledContext(rope, context),
          (float) config.number("rms_norm_eps").orElse(1e-6),
          rope,
          config.flag("tie_word_embeddings").orElse(false),
          biases(),
          family == ModelFamily.QWEN3,
          windows(layers));
    } catch (SizeException e) {
      throw config.wrong(
          Arrays.stream(e.size().split(" \\* ", -1))
              .map(size -> KEYS.getOrDefault(size, size))
              .collect(Collectors.joining(" * ")),
          e.expected(),
          e.got());
    }
  }

  /** Checks the number of blocks before a list of that length is allocated. */
  private void requireEntries(int layers) {
    if (layers > ModelSpec.MAX_LAYERS) {
      throw config.wrong("num_hidden_layers", "1 to " + ModelSpec.MAX_LAYERS, layers);
    }
    int types = config.texts(LAYER_TYPES).map(List::size).orElse(layers);
    if (types != layers) {
      throw config.wrong(
          LAYER_TYPES, "%d entries, one per block (num_hidden_layers)".formatted(layers), types);
    }
  }

  private int keyValueHeads(int heads) {
    String key = "num_key_value_heads";
    OptionalInt silent = config.has(key) ? OptionalInt.empty() : family.keyValueHeads();
    return config.integer(key).orElse(silent.orElse(heads));
  }

  private int headDim(int hidden, int heads) {
    boolean silent = family == ModelFamily.QWEN3 && !config.has("head_dim");
    int divided = heads == 0 ? 0 : hidden / heads;
    return config.integer("head_dim").orElse(silent ? QWEN3_HEAD_DIM : divided);
  }

  private Set<LinearRole> biases() {
    Set<LinearRole> biases = EnumSet.noneOf(LinearRole.class);
    boolean attention = config.flag("attention_bias").orElse(false);
    switch (family) {
      case LLAMA, QWEN3 -> {
        if (attention) {
          Collections.addAll(biases, LinearRole.Q, LinearRole.K, LinearRole.V, LinearRole.O);
        }
      }
      case QWEN2 -> Collections.addAll(biases, LinearRole.Q, LinearRole.K, LinearRole.V);
      case MISTRAL -> {}
    }
    if (family == ModelFamily.LLAMA && config.flag("mlp_bias").orElse(false)) {
      Collections.addAll(biases, LinearRole.GATE, LinearRole.UP, LinearRole.DOWN);
    }
    return biases;
  }

  private List<Integer> windows(int layers) {
    return switch (family) {
      case LLAMA -> Collections.nCopies(layers, 0);
      case MISTRAL -> windows(layers, slidingWindow(), 0);
      case QWEN2, QWEN3 ->
          windows(
              layers,
              config.flag("use_sliding_window").orElse(false) ? slidingWindow() : 0,
              config.integer("max_window_layers").orElse(QWEN_FULL_BLOCKS));
    };
  }

  private int slidingWindow() {
    return config
        .integer("sliding_window")
        .orElse(config.has("sliding_window") ? 0 : DEFAULT_WINDOW);
  }

  /** Returns {@code window} for the blocks that layer_types names, else from {@code full} on. */
  private List<Integer> windows(int layers, int window, int full) {
    List<Integer> windows = new ArrayList<>();
    List<String> types = config.texts(LAYER_TYPES).orElse(List.of());
    if (types.isEmpty()) {
      for (int layer = 0; layer < layers; layer++) {
        windows.add(layer >= full ? window : 0);
      }
      return windows;
    }
    for (String type : types) {
      switch (type) {
        case "full_attention" -> windows.add(0);
        case "sliding_attention" -> windows.add(window);
        default -> throw config.wrong(LAYER_TYPES, "full_attention or sliding_attention", type);
      }
    }
    return windows;
  }

  private static int scaledContext(RopeSpec rope, int context) {
    return rope.scaling() instanceof RopeSpec.Yarn yarn
        ? Math.max(context, Math.round(yarn.factor() * yarn.originalContext()))
        : context;
  }
}
