package io.calm.checkpoint;

import java.util.OptionalInt;
import java.util.stream.IntStream;

/** Converts text to token ids and back. Thread safe. */
public interface Tokenizer extends AutoCloseable {
  /** Maximum number of UTF-16 units of a text that {@link #encode} takes. */
  int MAX_TEXT = 8_000_000;

  /**
   * Encodes a text of at most {@link #MAX_TEXT} UTF-16 units. Special tokens that occur in it are
   * recognized.
   *
   * @param addSpecial whether to add the post-processor's special tokens, such as BOS
   * @throws IllegalArgumentException if the text is too long, or the tokenizer cannot encode it
   */
  int[] encode(String text, boolean addSpecial);

  /**
   * Decodes token ids to text. Ids without a token decode to nothing.
   *
   * @param skipSpecial whether to omit special tokens
   */
  String decode(int[] ids, boolean skipSpecial);

  /** Returns a token as the vocabulary spells it, e.g. {@code <0x0A>}; empty if there is none. */
  String token(int id);

  /**
   * Returns the UTF-8 bytes that a token contributes inside a text, possibly a part of a character;
   * none for an id without a token.
   */
  byte[] bytes(int id);

  /** Returns whether {@code id} is a special (control) token. */
  boolean isSpecial(int id);

  /**
   * Returns the maximum number of UTF-16 units of a text for each unit of its tokens' spellings: 1
   * if encoding never shortens a text, empty if there is no bound. It gives a minimum token count
   * for a text before it is encoded.
   */
  default OptionalInt shrinkage() {
    return OptionalInt.of(1);
  }

  /** Returns the number of token ids, added tokens included. */
  int size();

  /** Returns the first id with the spelling {@code token} in the vocabulary. */
  default OptionalInt id(String token) {
    return IntStream.range(0, size()).filter(id -> token(id).equals(token)).findFirst();
  }

  /** Returns the id of the special token with the spelling {@code token}. */
  default OptionalInt specialId(String token) {
    return IntStream.range(0, size())
        .filter(id -> isSpecial(id) && token(id).equals(token))
        .findFirst();
  }

  /**
   * Returns a new decoder that converts one id at a time, without splitting characters.
   *
   * @param skipSpecial whether to omit special tokens
   */
  IncrementalDecoder newIncrementalDecoder(boolean skipSpecial);

  /**
   * Returns a new decoder for the tokens after {@code before}. It returns the text that they add to
   * that of {@code before}, e.g. with the space before a word that SentencePiece drops at the start
   * of a text. If {@code before} ends inside a character, the text begins with that character.
   *
   * @param before not copied and not changed
   * @param skipSpecial whether to omit special tokens
   */
  default IncrementalDecoder newIncrementalDecoder(int[] before, boolean skipSpecial) {
    IncrementalDecoder decoder = newIncrementalDecoder(skipSpecial);
    for (int id : before) {
      String unused = decoder.add(id);
    }
    return decoder;
  }

  @Override
  void close();

  /** A streaming detokenizer for one sequence. Not thread safe. */
  interface IncrementalDecoder {
    /**
     * Adds a token and returns the text that is now final, possibly empty. All returned texts
     * together, with that of {@link #flush}, are the result of {@link Tokenizer#decode}. If the
     * decoder continues other tokens, they are what these tokens add to the text of those.
     */
    String add(int id);

    /** Returns the remaining text at the end; an incomplete UTF-8 sequence becomes U+FFFD. */
    String flush();
  }
}
