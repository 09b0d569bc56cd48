package io.calm.generate;

/**
 * Turns one sequence's tokens into text that never splits a character. Not thread safe; a tokenizer
 * supplies it.
 */
public interface TextDecoder {

  /** Adds a token and returns the text that is now certain, perhaps empty. */
  String add(int token);

  /** Returns what was still held back; nothing is added afterwards. */
  String flush();
}
