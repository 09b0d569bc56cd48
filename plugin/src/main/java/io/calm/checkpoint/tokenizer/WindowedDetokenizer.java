package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.Tokenizer.IncrementalDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A detokenizer that streams any decoder of the native library. Decodes a short window with and
 * without the newest tokens and returns the difference as soon as it does not end in U+FFFD, which
 * may stand for the start of a character. The window begins with the tokens returned last, for
 * decoders that depend on the previous token, e.g. for spaces between words.
 *
 * @param byteFallback whether the decoder reads {@code <0x0A>} as a byte
 * @param letters a token of letters. The text of another token is what it adds between two of it;
 *     empty if no token is suitable
 */
record WindowedDetokenizer(
    Vocabulary vocabulary, NativeTokenizer library, boolean byteFallback, Optional<Anchor> letters)
    implements Detokenizer {
  private static final char REPLACEMENT = '\uFFFD';

  /** Maximum number of bytes of a character, so of tokens that may wait for its end. */
  private static final int CHARACTER = 4;

  /** Number of tokens that are tried as an {@link Anchor}. */
  private static final int TRIED = 64;

  /**
   * A token of letters.
   *
   * @param after the text that a second one adds to its text
   */
  record Anchor(int id, String text, String after) {}

  static WindowedDetokenizer create(
      Vocabulary vocabulary, NativeTokenizer library, boolean byteFallback) {
    Optional<Anchor> letters =
        IntStream.range(0, vocabulary.size())
            .filter(id -> !vocabulary.isAdded(id) && isLetters(vocabulary.token(id)))
            .limit(TRIED)
            .boxed()
            .flatMap(id -> anchor(id, vocabulary.token(id), library).stream())
            .findFirst();
    return new WindowedDetokenizer(vocabulary, library, byteFallback, letters);
  }

  private static boolean isLetters(String token) {
    return !token.isEmpty() && token.chars().allMatch(c -> c >= 'a' && c <= 'z');
  }

  private static Optional<Anchor> anchor(int id, String token, NativeTokenizer library) {
    String twice = library.decode(new int[] {id, id}, false);
    return library.decode(new int[] {id}, false).equals(token)
            && twice.startsWith(token)
            && twice.endsWith(token)
            && twice.length() >= 2 * token.length()
        ? Optional.of(new Anchor(id, token, twice.substring(token.length())))
        : Optional.empty();
  }

  @Override
  public IncrementalDecoder start(boolean skipSpecial) {
    return new Window(skipSpecial);
  }

  /** Does not repeat a U+FFFD that is the last character of {@code before}. */
  @Override
  public IncrementalDecoder start(int[] before, boolean skipSpecial) {
    IncrementalDecoder decoder = Detokenizer.super.start(before, skipSpecial);
    if (!endsInsideCharacter(before, skipSpecial)) {
      String unused = decoder.flush();
    }
    return decoder;
  }

  private boolean endsInsideCharacter(int[] ids, boolean skipSpecial) {
    int[] shown = IntStream.of(ids).filter(id -> isShown(id, skipSpecial)).toArray();
    int bytes = shown.length; // index of the first of the byte tokens at the end
    while (byteFallback && bytes > 0 && TokenSpelling.isByte(vocabulary.token(shown[bytes - 1]))) {
      bytes--;
    }
    if (bytes == shown.length) {
      return bytes > 0 && vocabulary.token(shown[bytes - 1]).indexOf(REPLACEMENT) < 0;
    }
    Utf8Stream utf8 = new Utf8Stream();
    StringBuilder rest = new StringBuilder();
    for (int i = bytes; i < shown.length; i++) {
      utf8.accept(bytes(shown[i])[0], rest);
    }
    rest.setLength(0);
    utf8.flush(rest);
    return !rest.isEmpty();
  }

  private boolean isShown(int id, boolean skipSpecial) {
    return !vocabulary.token(id).isEmpty() && !(skipSpecial && vocabulary.isSpecial(id));
  }

  @Override
  public byte[] bytes(int id) {
    String token = vocabulary.token(id);
    if (token.isEmpty()) {
      return new byte[0];
    }
    if (vocabulary.isAdded(id)) {
      return library.decode(new int[] {id}, false).getBytes(StandardCharsets.UTF_8);
    }
    return byteFallback && TokenSpelling.isByte(token)
        ? TokenSpelling.SENTENCE_PIECE.bytes(token, false)
        : inside(id).getBytes(StandardCharsets.UTF_8);
  }

  /** Returns what a token adds to a text of letters, if the decoder lets it be told apart. */
  private String inside(int id) {
    if (letters.isPresent()) {
      Anchor anchor = letters.get();
      String text = library.decode(new int[] {anchor.id(), id, anchor.id()}, false);
      int end = text.length() - anchor.after().length();
      if (end >= anchor.text().length()
          && text.startsWith(anchor.text())
          && text.endsWith(anchor.after())) {
        return text.substring(anchor.text().length(), end);
      }
    }
    return library.decode(new int[] {id}, false);
  }

  @Override
  public String decode(int[] ids, boolean skipSpecial) {
    return library.decode(ids, skipSpecial);
  }

  private final class Window implements IncrementalDecoder {
    private final boolean skipSpecial;
    private int[] ids = new int[16];
    private int length;

    /** Number of the last tokens whose text has not been returned, or not all of it. */
    private int undecided;

    /** Length of the returned part of the window's text. */
    private int returned;

    Window(boolean skipSpecial) {
      this.skipSpecial = skipSpecial;
    }

    @Override
    public String add(int id) {
      if (!isShown(id, skipSpecial)) {
        return "";
      }
      if (length == ids.length) {
        ids = Arrays.copyOf(ids, 2 * length);
      }
      ids[length++] = id;
      undecided++;
      String text = text();
      if (text.isEmpty() || text.charAt(text.length() - 1) != REPLACEMENT) {
        return advance(text, text.length(), undecided);
      }
      return undecided <= CHARACTER ? "" : advance(text, certain(text), 2 * CHARACTER);
    }

    /** Returns the length of a text without what may be the start of a character. */
    private static int certain(String text) {
      int end = text.length();
      while (end > text.length() - (CHARACTER - 1)
          && end > 0
          && text.charAt(end - 1) == REPLACEMENT) {
        end--;
      }
      return end;
    }

    @Override
    public String flush() {
      if (undecided == 0) {
        return ""; // the window stays: the next token's text depends on it
      }
      String text = text();
      return advance(text, text.length(), undecided);
    }

    /**
     * Returns the text up to {@code end} that has not been returned.
     *
     * @param text of the window
     * @param kept number of tokens at its end that the next window begins with
     */
    private String advance(String text, int end, int kept) {
      String more = end > returned ? text.substring(returned, end) : "";
      int rest = Math.max(0, text.length() - Math.max(end, returned));
      int from = Math.max(0, length - kept);
      ids = Arrays.copyOfRange(ids, from, from + Math.max(16, length - from));
      length -= from;
      undecided = rest == 0 ? 0 : CHARACTER;
      returned = Math.max(0, text().length() - rest);
      return more;
    }

    private String text() {
      return library.decode(Arrays.copyOf(ids, length), skipSpecial);
    }
  }
}
