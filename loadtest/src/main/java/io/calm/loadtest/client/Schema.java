package io.calm.loadtest.client;

/** The schemas that a server may speak. */
@SuppressWarnings("ImmutableEnumChecker") // a dialect has no state
public enum Schema {
  /** {@code /v1/completions} with server-sent events. */
  OPENAI(new OpenAiCompletions()),
  /** {@code /v1/chat/completions} with server-sent events. */
  CHAT(new OpenAiChat()),
  /** {@code /predictions/MODEL} with JSON lines. */
  DJL(new DjlLines());

  private final Dialect dialect;

  Schema(Dialect dialect) {
    this.dialect = dialect;
  }

  Dialect dialect() {
    return dialect;
  }
}
