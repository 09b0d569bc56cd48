package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.Tokenizer.IncrementalDecoder;

/** How a sequence of tokens becomes text. Thread safe. */
interface Detokenizer {

  /** Returns a decoder that starts at the beginning of a text. */
  IncrementalDecoder start(boolean skipSpecial);

  /** Returns the bytes that one token stands for inside a text. */
  byte[] bytes(int id);

  /** Decodes all of it. */
  default String decode(int[] ids, boolean skipSpecial) {
    IncrementalDecoder decoder = start(skipSpecial);
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.add(id));
    }
    return text.append(decoder.flush()).toString();
  }
}
