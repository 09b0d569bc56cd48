package io.calm.generate;

/**
 * Converts one sequence's tokens into text without splitting characters. Implemented by tokenizers.
 * Not thread safe.
 */
public interface TextDecoder {

  /** Adds a token and returns the text that has become final, possibly empty. */
  String add(int token);

  /** Returns the rest of the text; no token may be added afterwards. */
  String flush();

  /**
   * Returns the text of a token that ends the answer, outside of any context. It is part of the
   * answer only if it is a stop string. The default is empty.
   */
  default String ending(int token) {
    return "";
  }
}
