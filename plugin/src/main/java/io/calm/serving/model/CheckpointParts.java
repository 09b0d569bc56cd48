package io.calm.serving.model;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.model.ModelSpec;
import java.util.Optional;

/**
 * The parts of a checkpoint that requests need, beside its weights.
 *
 * @param defaults sampling of requests that say nothing about it, with the tokenizer's end tokens
 */
public record CheckpointParts(
    ModelSpec spec,
    Tokenizer tokenizer,
    Optional<ChatTemplate> chatTemplate,
    GenerationDefaults defaults) {

  /** Returns the same parts with another tokenizer. */
  public CheckpointParts withTokenizer(Tokenizer other) {
    return new CheckpointParts(spec, other, chatTemplate, defaults);
  }
}
