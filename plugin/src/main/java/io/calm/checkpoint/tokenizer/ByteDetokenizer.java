package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.Tokenizer.IncrementalDecoder;

/**
 * A detokenizer that concatenates the bytes of the tokens and decodes them as UTF-8, with constant
 * work per token. Replaces only the ill-formed part of a run of byte tokens, so that characters can
 * be streamed as soon as they are complete; the library's byte fallback replaces the whole run.
 *
 * @param spelling the encoding of bytes in the vocabulary
 * @param stripLeadingSpace whether to remove the space that SentencePiece adds before a text
 */
record ByteDetokenizer(Vocabulary vocabulary, TokenSpelling spelling, boolean stripLeadingSpace)
    implements Detokenizer {

  @Override
  public IncrementalDecoder start(boolean skipSpecial) {
    return new ByteDecoder(skipSpecial);
  }

  @Override
  public byte[] bytes(int id) {
    return spelling.bytes(vocabulary.token(id), vocabulary.isAdded(id));
  }

  private final class ByteDecoder implements IncrementalDecoder {
    private final Utf8Stream utf8 = new Utf8Stream();
    private final boolean skipSpecial;
    private boolean strip = stripLeadingSpace;

    ByteDecoder(boolean skipSpecial) {
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
