package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.Tokenizer.IncrementalDecoder;

/** Converts sequences of token ids to text. Thread safe. */
interface Detokenizer {

  /** Returns a new decoder for one sequence. */
  IncrementalDecoder start(boolean skipSpecial);

  /**
   * Returns a new decoder for the tokens after {@code before}. Its text begins after theirs, but
   * for a character that they begin.
   */
  default IncrementalDecoder start(int[] before, boolean skipSpecial) {
    IncrementalDecoder decoder = start(skipSpecial);
    for (int id : before) {
      String unused = decoder.add(id);
    }
    return decoder;
  }

  /** Returns the UTF-8 bytes that a token contributes inside a text. */
  byte[] bytes(int id);

  /** Decodes a whole sequence. */
  default String decode(int[] ids, boolean skipSpecial) {
    IncrementalDecoder decoder = start(skipSpecial);
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.add(id));
    }
    return text.append(decoder.flush()).toString();
  }
}
