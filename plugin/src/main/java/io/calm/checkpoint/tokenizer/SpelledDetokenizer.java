package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.Tokenizer.IncrementalDecoder;

/**
 * Joins the bytes of the tokens and reads them as UTF-8: constant work a token. Where the library's
 * byte fallback would turn a whole run of byte tokens into U+FFFD because one is ill-formed, only
 * the ill-formed part is replaced here, so that characters can be streamed as they complete.
 *
 * @param stripLeadingSpace whether the space that SentencePiece puts before a text is taken away
 */
record SpelledDetokenizer(Vocabulary vocabulary, Spelling spelling, boolean stripLeadingSpace)
    implements Detokenizer {

  @Override
  public IncrementalDecoder start(boolean skipSpecial) {
    return new Decoder(skipSpecial);
  }

  @Override
  public byte[] bytes(int id) {
    return spelling.bytes(vocabulary.token(id), vocabulary.isAdded(id));
  }

  private final class Decoder implements IncrementalDecoder {
    private final Utf8Stream utf8 = new Utf8Stream();
    private final boolean skipSpecial;
    private boolean strip = stripLeadingSpace;

    Decoder(boolean skipSpecial) {
      this.skipSpecial = skipSpecial;
    }

    @Override
    public String add(int id) {
      if (skipSpecial && vocabulary.isSpecial(id)) {
        return "";
      }
      StringBuilder text = new StringBuilder();
      for (byte b : bytes(id)) {
        if (strip) {
          strip = false;
          if (b == ' ') {
            continue;
          }
        }
        utf8.accept(b, text);
      }
      return text.toString();
    }

    @Override
    public String flush() {
      StringBuilder text = new StringBuilder();
      utf8.flush(text);
      return text.toString();
    }
  }
}
