package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.Tokenizer;
import java.util.Arrays;
import java.util.OptionalInt;

/**
 * A tokenizer that encodes with the native library and, if the vocabulary's spelling is known,
 * decodes in Java. Ids without a token decode to nothing, because embedding tables often have more
 * rows than there are tokens.
 *
 * @param shrinkage see {@link Tokenizer#shrinkage}
 */
record LibraryTokenizer(
    NativeTokenizer library, Vocabulary vocabulary, Detokenizer detokenizer, OptionalInt shrinkage)
    implements Tokenizer {
  /** Number of tokens before a text that its decoder reads; no decoder looks back as far. */
  private static final int CONTEXT = 8;

  /** Maximum number of bytes of a character after its first one. */
  private static final int CONTINUATION = 3;

  @Override
  public int[] encode(String text, boolean addSpecial) {
    return library.encode(text, addSpecial);
  }

  @Override
  public String decode(int[] ids, boolean skipSpecial) {
    return detokenizer.decode(ids, skipSpecial);
  }

  @Override
  public String token(int id) {
    return vocabulary.token(id);
  }

  @Override
  public byte[] bytes(int id) {
    return detokenizer.bytes(id);
  }

  @Override
  public boolean isSpecial(int id) {
    return vocabulary.isSpecial(id);
  }

  @Override
  public OptionalInt specialId(String token) {
    return vocabulary.special().stream()
        .filter(id -> vocabulary.token(id).equals(token))
        .findFirst();
  }

  @Override
  public int size() {
    return vocabulary.size();
  }

  @Override
  public IncrementalDecoder newIncrementalDecoder(boolean skipSpecial) {
    return detokenizer.start(skipSpecial);
  }

  @Override
  public IncrementalDecoder newIncrementalDecoder(int[] before, boolean skipSpecial) {
    int from = contextStart(before, skipSpecial);
    return detokenizer.start(Arrays.copyOfRange(before, from, before.length), skipSpecial);
  }

  /**
   * Returns the index of the first token that the decoder of the next text reads: {@link #CONTEXT}
   * tokens with a text, and not from inside a character that consists of byte tokens.
   */
  private int contextStart(int[] ids, boolean skipSpecial) {
    int start = ids.length;
    int shown = 0;
    while (start > 0
        && (shown < CONTEXT
            || (shown < CONTEXT + CONTINUATION && continuesCharacter(ids[start])))) {
      start--;
      boolean skipped = skipSpecial && isSpecial(ids[start]);
      shown += skipped || token(ids[start]).isEmpty() ? 0 : 1;
    }
    return start;
  }

  private boolean continuesCharacter(int id) {
    String token = token(id);
    return TokenSpelling.isByte(token)
        && (TokenSpelling.SENTENCE_PIECE.bytes(token, false)[0] & 0xC0) == 0x80;
  }

  @Override
  public void close() {
    library.close();
  }
}
