package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.Tokenizer;
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
  public void close() {
    library.close();
  }
}
