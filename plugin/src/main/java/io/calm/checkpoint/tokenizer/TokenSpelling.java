package io.calm.checkpoint.tokenizer;

import java.nio.charset.StandardCharsets;

/** The encoding of a text's bytes in the spellings of a vocabulary. */
enum TokenSpelling {
  /** GPT-2's byte alphabet; added tokens are plain text. */
  BYTE_LEVEL {
    @Override
    byte[] bytes(String token, boolean added) {
      return added ? token.getBytes(StandardCharsets.UTF_8) : ByteAlphabet.decode(token);
    }
  },

  /** SentencePiece: U+2581 is a space, {@code <0x0A>} a byte. */
  SENTENCE_PIECE {
    @Override
    byte[] bytes(String token, boolean added) {
      if (!added && isByte(token)) {
        return new byte[] {(byte) Integer.parseInt(token, 3, 5, 16)};
      }
      return token.replace('\u2581', ' ').getBytes(StandardCharsets.UTF_8);
    }
  };

  /**
   * Returns the bytes that a token stands for.
   *
   * @param added whether this is an added token, which is matched as a whole
   */
  abstract byte[] bytes(String token, boolean added);

  /** Returns whether a SentencePiece token spells a single byte. */
  static boolean isByte(String token) {
    return token.length() == 6
        && token.startsWith("<0x")
        && token.charAt(5) == '>'
        && Character.digit(token.charAt(3), 16) >= 0
        && Character.digit(token.charAt(4), 16) >= 0;
  }
}
