package io.calm.testing;

import java.nio.charset.StandardCharsets;

/** Well-formed UTF-8 without sense: the next byte depends on all that was said. */
final class Babble {
  private static final float LIKELY = 30;
  private static final float SPREAD = 4;
  private static final float END_LESS = 3;

  private Babble() {}

  /**
   * Sets the logits of the bytes that may follow.
   *
   * @param alphabet characters to choose from, as bytes of UTF-8
   * @param said what was said, a char a byte
   */
  static void weigh(byte[] alphabet, String said, float[] logits) {
    String open = said.substring(said.length() - pending(said));
    long hash = said.hashCode();
    String text = new String(alphabet, StandardCharsets.UTF_8);
    text.codePoints()
        .forEach(
            character -> {
              byte[] bytes = Character.toString(character).getBytes(StandardCharsets.UTF_8);
              if (new String(bytes, StandardCharsets.ISO_8859_1).startsWith(open)) {
                int next = bytes[open.length()] & 0xFF;
                logits[next] = LIKELY + SPREAD * uniform(hash, next);
              }
            });
    if (open.isEmpty()) {
      logits[ByteTokenizer.END] = LIKELY - END_LESS + SPREAD * uniform(hash, ByteTokenizer.END);
    }
  }

  /** Returns how many bytes at the end are the start of a character. */
  private static int pending(String said) {
    int open = 0;
    int missing = 0;
    for (int i = 0; i < said.length(); i++) {
      missing = missing > 0 ? missing - 1 : continuations(said.charAt(i));
      open = missing > 0 ? open + 1 : 0;
    }
    return open;
  }

  private static int continuations(char lead) {
    if (lead < 0xC0 || lead > 0xFF) {
      return 0;
    }
    return lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  }

  private static float uniform(long hash, int token) {
    long z = (hash * 1_000_003 + token) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 29)) * 0xBF58476D1CE4E5B9L;
    return (z >>> 40) / (float) (1 << 24);
  }
}
