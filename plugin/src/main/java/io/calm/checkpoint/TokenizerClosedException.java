package io.calm.checkpoint;

/** A use of a tokenizer after {@link Tokenizer#close}, e.g. because its model was unloaded. */
public final class TokenizerClosedException extends IllegalStateException {
  private static final long serialVersionUID = 1;

  public TokenizerClosedException() {
    super("the tokenizer is closed");
  }
}
