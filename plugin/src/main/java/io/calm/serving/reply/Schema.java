package io.calm.serving.reply;

/** The schema by which a route's bodies are read. */
public enum Schema {
  /** DJL's routes: LMI's schema, or OpenAI's if the body has {@code messages} or {@code prompt}. */
  DJL(ErrorBody.DJL),
  /** {@code /v1/completions}. */
  COMPLETIONS(ErrorBody.OPENAI),
  /** {@code /v1/chat/completions}. */
  CHAT(ErrorBody.OPENAI);

  private final ErrorBody errors;

  Schema(ErrorBody errors) {
    this.errors = errors;
  }

  /** Returns the shape of errors. */
  public ErrorBody errors() {
    return errors;
  }
}
