package io.calm.checkpoint.hf;

import io.calm.checkpoint.CheckpointException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;

/** A supported architecture, with transformers' defaults for keys that config.json lacks. */
enum ModelFamily {
  LLAMA("LlamaForCausalLM", OptionalInt.empty(), 2048),
  MISTRAL("MistralForCausalLM", OptionalInt.of(8), 131072),
  QWEN2("Qwen2ForCausalLM", OptionalInt.of(32), 32768),
  QWEN3("Qwen3ForCausalLM", OptionalInt.of(32), 32768);

  private final String className;
  private final OptionalInt keyValueHeads;
  private final int maxContext;

  ModelFamily(String className, OptionalInt keyValueHeads, int maxContext) {
    this.className = className;
    this.keyValueHeads = keyValueHeads;
    this.maxContext = maxContext;
  }

  /**
   * Returns the family of a config.json by its {@code architectures} and {@code model_type}.
   *
   * @throws CheckpointException if the family is not supported, or the two keys disagree
   */
  static ModelFamily of(ConfigFields config) {
    Optional<List<String>> architectures = config.texts("architectures");
    Optional<String> type = config.text("model_type");
    for (ModelFamily family : values()) {
      boolean sameType = type.map(family.modelType()::equals).orElse(true);
      boolean sameClass = architectures.map(names -> names.contains(family.className)).orElse(true);
      if (sameType && sameClass && (type.isPresent() || architectures.isPresent())) {
        return family;
      }
    }
    throw CheckpointException.refused(
        config.where("architectures"),
        "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM or Qwen3ForCausalLM",
        "%s of model_type %s".formatted(architectures.orElse(List.of()), type.orElse("(none)")),
        "this architecture is not supported");
  }

  /** Returns the family's {@code model_type}. */
  String modelType() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the default number of key-value heads; empty for as many as query heads. */
  OptionalInt keyValueHeads() {
    return keyValueHeads;
  }

  int maxContext() {
    return maxContext;
  }
}
