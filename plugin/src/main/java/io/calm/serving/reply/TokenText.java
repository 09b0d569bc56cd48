package io.calm.serving.reply;

import io.calm.checkpoint.Tokenizer;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** One token's own text, outside of any context. */
public final class TokenText {
  private TokenText() {}

  /** Returns a token's text, with U+FFFD for parts of a character. */
  public static String of(Tokenizer tokenizer, int token) {
    return new String(tokenizer.bytes(token), StandardCharsets.UTF_8);
  }

  /**
   * Returns a token's text; if it is not whole characters, {@code prefix} and its bytes as {@code
   * \xNN}.
   */
  public static String escaped(Tokenizer tokenizer, int token, String prefix) {
    byte[] bytes = tokenizer.bytes(token);
    return decode(bytes).orElseGet(() -> prefix + escaped(bytes));
  }

  private static Optional<String> decode(byte[] bytes) {
    try {
      return Optional.of(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException e) {
      return Optional.empty();
    }
  }

  private static String escaped(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte b : bytes) {
      text.append("\\x%02x".formatted(b & 0xFF));
    }
    return text.toString();
  }
}
