package io.calm.checkpoint.tokenizer;

import java.util.BitSet;
import java.util.List;

/**
 * Token spellings by id; a hole is the empty string.
 *
 * @param tokens spelling of each id
 * @param added ids that are matched in the text as a whole, special ones included; their spelling
 *     is plain text
 * @param special ids of control tokens
 */
record Vocabulary(List<String> tokens, BitSet added, BitSet special) {

  int size() {
    return tokens.size();
  }

  boolean contains(int id) {
    return id >= 0 && id < tokens.size();
  }

  /** Returns the spelling, or the empty string where no token has this id. */
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
