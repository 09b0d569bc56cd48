package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.Tokenizer;
import java.util.OptionalInt;

/**
 * Encodes with the native library, decodes in Java where the vocabulary's spelling is known. Ids
 * that no token has decode to nothing: models often have more rows than tokens.
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
