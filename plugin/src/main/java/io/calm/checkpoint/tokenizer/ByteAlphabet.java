package io.calm.checkpoint.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The byte alphabet of GPT-2, which spells bytes as printable characters. Printable Latin-1
 * characters stand for themselves; the other 68 bytes are U+0100 and up, in order.
 */
final class ByteAlphabet {
  private static final int LIMIT = 0x100 + 68;
  private static final short[] BYTE_OF_CHAR = bytesOfChars();

  private ByteAlphabet() {}

  /** Returns the bytes that a token spells; its UTF-8 if it contains any other character. */
  static byte[] decode(String token) {
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = token.charAt(i);
      if (c >= LIMIT || BYTE_OF_CHAR[c] < 0) {
        return token.getBytes(StandardCharsets.UTF_8);
      }
      bytes[i] = (byte) BYTE_OF_CHAR[c];
    }
    return bytes;
  }

  private static short[] bytesOfChars() {
    short[] table = new short[LIMIT];
    Arrays.fill(table, (short) -1);
    int next = 0x100;
    for (short b = 0; b < 0x100; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      table[printable ? b : next++] = b;
    }
    return table;
  }
}
