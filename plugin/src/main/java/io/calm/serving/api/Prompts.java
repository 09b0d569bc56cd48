package io.calm.serving.api;

import io.calm.serving.ServedModel;

/** Prompts as the model reads them, refused where they cannot pass. */
public final class Prompts {
  private Prompts() {}

  /**
   * Encodes a text.
   *
   * @param addSpecial whether the tokenizer adds what it always adds, e.g. BOS
   */
  public static Prompt encode(ServedModel model, String key, String text, boolean addSpecial) {
    return checked(model, key, new Prompt(text, model.tokenizer().encode(text, addSpecial)));
  }

  /** Takes token ids as they are. */
  public static Prompt ofTokens(ServedModel model, String key, int[] tokens) {
    int vocabulary = model.spec().vocabulary();
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] >= vocabulary) {
        throw ApiException.invalid(
            "%s[%d]".formatted(key, i),
            "expected a token id below %d, got %d".formatted(vocabulary, tokens[i]));
      }
    }
    return checked(model, key, new Prompt(model.tokenizer().decode(tokens, false), tokens));
  }

  /** Returns the prompt if it has tokens, and no more than the context. */
  public static Prompt checked(ServedModel model, String key, Prompt prompt) {
    int most = model.scheduler().settings().maxContext();
    if (prompt.tokens().length == 0) {
      throw ApiException.invalid(key, "expected at least one token, got an empty prompt");
    }
    if (prompt.tokens().length > most) {
      throw new ApiException(
          ApiException.Kind.TOO_LONG,
          "%s: the prompt has %d tokens, but this model's maximum context is %d tokens"
              .formatted(key, prompt.tokens().length, most),
          java.util.Optional.of(key));
    }
    return prompt;
  }
}
