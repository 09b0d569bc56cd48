package io.calm.checkpoint;

import java.util.OptionalInt;
import java.util.stream.IntStream;

/** Text to token ids and back. Thread safe. */
public interface Tokenizer extends AutoCloseable {

  /**
   * Encodes text. Special tokens that stand in the text are recognized.
   *
   * @param addSpecial whether to add what the model's post-processor adds (BOS and the like)
   */
  int[] encode(String text, boolean addSpecial);

  /**
   * Decodes ids to text.
   *
   * @param skipSpecial whether special tokens are left out
   */
  String decode(int[] ids, boolean skipSpecial);

  /** Returns one token's own spelling in the vocabulary. */
  String token(int id);

  /**
   * Returns the bytes of UTF-8 that one token stands for inside a text, perhaps a part of a
   * character; none for an id that no token has.
   */
  byte[] bytes(int id);

  /** Returns whether {@code id} is a special (control) token. */
  boolean isSpecial(int id);

  /**
   * Returns the maximum number of characters of a text that become one character of a token, e.g. 1
   * if nothing is removed; empty if there is no such bound.
   */
  default OptionalInt shrinkage() {
    return OptionalInt.of(1);
  }

  /** Returns the number of token ids, added tokens included. */
  int size();

  /** Returns the first id whose own spelling in the vocabulary is {@code token}. */
  default OptionalInt id(String token) {
    return IntStream.range(0, size()).filter(id -> token(id).equals(token)).findFirst();
  }

  /** Returns the id of the special token that is spelled {@code token}. */
  default OptionalInt specialId(String token) {
    return IntStream.range(0, size())
        .filter(id -> isSpecial(id) && token(id).equals(token))
        .findFirst();
  }

  /** Returns a decoder that turns ids, one at a time, into text that never splits a character. */
  IncrementalDecoder newIncrementalDecoder(boolean skipSpecial);

  @Override
  void close();

  /** Streaming detokenization. Not thread safe. */
  interface IncrementalDecoder {
    /**
     * Adds a token and returns the text that is now certain, perhaps empty; the concatenation over
     * all tokens, with {@link #flush}, is {@link Tokenizer#decode} of them.
     */
    String add(int id);

    /** Returns what is still held back at the end, e.g. an incomplete UTF-8 sequence as U+FFFD. */
    String flush();
  }
}
