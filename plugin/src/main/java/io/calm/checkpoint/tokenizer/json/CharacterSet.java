package io.calm.checkpoint.tokenizer.json;

import java.util.BitSet;

/**
 * The set of characters that a part of a regular expression matches, within a sample of Unicode.
 *
 * @param source one class, escape or literal in Oniguruma's syntax
 * @param characters the characters to compare sets by
 */
record CharacterSet(String source, boolean ignoreCase, CharacterSample characters) {

  /** Returns the indices of the sample's characters that are in the set; not to be modified. */
  BitSet sample() {
    return characters.in(source, ignoreCase);
  }
}
