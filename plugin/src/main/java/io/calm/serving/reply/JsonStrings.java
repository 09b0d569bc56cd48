package io.calm.serving.reply;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Reads the strings of a JSON body: checks UTF-8 and resolves escapes. */
final class JsonStrings {
  private final byte[] body;
  private final int length;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT);
  private int end;
  private int width;

  JsonStrings(byte[] body, int length) {
    this.body = body;
    this.length = length;
  }

  /**
   * Reads a string.
   *
   * @param quote index of the quotation mark that begins it
   */
  String read(int quote) {
    int start = quote + 1;
    boolean escapes = false;
    int signs = 0; // negative if a byte is not ASCII
    int i = start;
    for (; i < length && body[i] != '"'; i++) {
      byte c = body[i];
      signs |= c;
      if (c == '\\') {
        escapes = true;
        i++;
      } else if (c >= 0 && c < ' ') {
        throw BodyParser.malformed(body, length, i, "an escape for a control character");
      }
    }
    if (i >= length) {
      throw BodyParser.malformed(body, length, length, "the end of a string");
    }
    end = i + 1;
    width = escapes || signs < 0 ? 2 : 1;
    if (escapes) {
      return unescaped(start, i);
    }
    return signs >= 0
        ? new String(body, start, i - start, StandardCharsets.ISO_8859_1)
        : decoded(start, i).toString();
  }

  /** Returns the index of the first half of a surrogate pair that stands alone; -1 if none does. */
  static int halfPair(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        if (!Character.isSupplementaryCodePoint(text.codePointAt(i))) {
          return i;
        }
        i++;
      }
    }
    return -1;
  }

  /** Returns the index after the string that was read last. */
  int end() {
    return end;
  }

  /** Returns the maximum bytes per character of the string that was read last. */
  int width() {
    return width;
  }

  private String unescaped(int start, int stop) {
    StringBuilder text = new StringBuilder(stop - start);
    int i = start;
    while (i < stop) {
      int plain = i;
      int signs = 0;
      while (i < stop && body[i] != '\\') {
        signs |= body[i++];
      }
      if (signs < 0) {
        text.append(decoded(plain, i));
      } else {
        for (int c = plain; c < i; c++) {
          text.append((char) body[c]);
        }
      }
      if (i < stop) {
        i = escape(i + 1, text);
      }
    }
    return text.toString();
  }

  /** Appends an escaped character and returns the index after it. */
  private int escape(int at, StringBuilder text) {
    switch (body[at]) {
      case '"', '\\', '/' -> text.append((char) body[at]);
      case 'b' -> text.append('\b');
      case 'f' -> text.append('\f');
      case 'n' -> text.append('\n');
      case 'r' -> text.append('\r');
      case 't' -> text.append('\t');
      case 'u' -> {
        int unit = 0;
        for (int i = at + 1; i <= at + 4; i++) {
          int digit = i < length ? Character.digit(body[i], 16) : -1;
          if (digit < 0) {
            throw BodyParser.malformed(body, length, i, "four hexadecimal digits");
          }
          unit = 16 * unit + digit;
        }
        text.append((char) unit);
        return at + 5;
      }
      default -> throw BodyParser.malformed(body, length, at, "an escape that JSON has");
    }
    return at + 1;
  }

  private CharBuffer decoded(int start, int stop) {
    ByteBuffer bytes = ByteBuffer.wrap(body, start, stop - start);
    CharBuffer chars = CharBuffer.allocate(stop - start);
    CoderResult result = decoder.reset().decode(bytes, chars, true);
    if (result.isError()) {
      throw new ApiException(
          ApiException.Kind.INVALID,
          "body: expected UTF-8, got an invalid sequence at byte " + bytes.position());
    }
    return chars.flip();
  }
}
