package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.Tokenizer.IncrementalDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A detokenizer that streams any decoder of the native library. Decodes a short window with and
 * without the newest tokens and returns the difference as soon as it does not end in U+FFFD. The
 * window begins with the tokens returned last, for decoders that depend on the previous token, e.g.
 * for spaces between words.
 */
record WindowedDetokenizer(Vocabulary vocabulary, NativeTokenizer library) implements Detokenizer {

  @Override
  public IncrementalDecoder start(boolean skipSpecial) {
    return new Window(skipSpecial);
  }

  @Override
  public byte[] bytes(int id) {
    return vocabulary.token(id).isEmpty()
        ? new byte[0]
        : library.decode(new int[] {id}, false).getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public String decode(int[] ids, boolean skipSpecial) {
    return library.decode(ids, skipSpecial);
  }

  private final class Window implements IncrementalDecoder {
    private final boolean skipSpecial;
    private int[] ids = new int[16];
    private int length;
    private int emitted;

    Window(boolean skipSpecial) {
      this.skipSpecial = skipSpecial;
    }

    @Override
    public String add(int id) {
      if (vocabulary.token(id).isEmpty() || (skipSpecial && vocabulary.isSpecial(id))) {
        return "";
      }
      if (length == ids.length) {
        ids = Arrays.copyOf(ids, 2 * length);
      }
      ids[length++] = id;
      String text = text(length);
      if (text.endsWith("\uFFFD")) {
        return "";
      }
      return advance(text);
    }

    @Override
    public String flush() {
      return advance(text(length));
    }

    private String advance(String text) {
      String before = text(emitted);
      ids = Arrays.copyOfRange(ids, emitted, Math.max(length, emitted + 16));
      length -= emitted;
      emitted = length;
      return text.length() > before.length() ? text.substring(before.length()) : "";
    }

    private String text(int count) {
      return library.decode(Arrays.copyOf(ids, count), skipSpecial);
    }
  }
}
