package io.calm.checkpoint.tokenizer;

import java.util.BitSet;
import java.util.List;

/**
 * The tokens of a vocabulary by id.
 *
 * @param tokens spelling of each id; empty for an id without a token
 * @param added ids of added tokens, including special ones: they are matched in a text as a whole,
 *     and their spelling is plain text
 * @param special ids of control tokens
 */
record Vocabulary(List<String> tokens, BitSet added, BitSet special) {

  int size() {
    return tokens.size();
  }

  boolean contains(int id) {
    return id >= 0 && id < tokens.size();
  }

  /** Returns the spelling of a token, or the empty string for an id without a token. */
  String token(int id) {
    return contains(id) ? tokens.get(id) : "";
  }

  boolean isAdded(int id) {
    return id >= 0 && added.get(id);
  }

  boolean isSpecial(int id) {
    return id >= 0 && special.get(id);
  }
}
