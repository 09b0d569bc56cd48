package io.calm.checkpoint.tokenizer;

/**
 * An incremental UTF-8 decoder. Each maximal subpart of an ill-formed sequence becomes one U+FFFD
 * (The Unicode Standard, section 3.9, table 3-8), as in Rust's {@code from_utf8_lossy}. {@code
 * String.<init>} differs for encoded surrogates. Not thread safe.
 */
final class Utf8Stream {
  private static final char REPLACEMENT = '\uFFFD';

  private int codePoint;
  private int missing;
  private int low = 0x80;
  private int high = 0xBF;

  /** Adds one byte and appends the characters that it completes to {@code out}. */
  void accept(byte value, StringBuilder out) {
    int b = value & 0xFF;
    if (missing > 0) {
      if (b >= low && b <= high) {
        codePoint = (codePoint << 6) | (b & 0x3F);
        low = 0x80;
        high = 0xBF;
        if (--missing == 0) {
          out.appendCodePoint(codePoint);
        }
        return;
      }
      flush(out);
    }
    lead(b, out);
  }

  /** Ends the text; an incomplete sequence becomes U+FFFD. */
  void flush(StringBuilder out) {
    if (missing > 0) {
      missing = 0;
      low = 0x80;
      high = 0xBF;
      out.append(REPLACEMENT);
    }
  }

  private void lead(int b, StringBuilder out) {
    if (b < 0x80) {
      out.append((char) b);
    } else if (b >= 0xC2 && b <= 0xDF) {
      missing = 1;
      codePoint = b & 0x1F;
    } else if (b >= 0xE0 && b <= 0xEF) {
      missing = 2;
      codePoint = b & 0x0F;
      low = b == 0xE0 ? 0xA0 : 0x80;
      high = b == 0xED ? 0x9F : 0xBF;
    } else if (b >= 0xF0 && b <= 0xF4) {
      missing = 3;
      codePoint = b & 0x07;
      low = b == 0xF0 ? 0x90 : 0x80;
      high = b == 0xF4 ? 0x8F : 0xBF;
    } else {
      out.append(REPLACEMENT);
    }
  }
}
