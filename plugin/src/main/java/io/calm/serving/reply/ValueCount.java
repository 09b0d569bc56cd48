package io.calm.serving.reply;

/**
 * Counts the values and keys of a JSON text without keeping any, so that a body with too many costs
 * no memory. Arrays that contain only digits are not counted: they may be token ids.
 */
final class ValueCount {
  private ValueCount() {}

  /**
   * Returns the index at which a text exceeds {@code most} values and keys; -1 if it does not. The
   * count of malformed JSON is unspecified; the parser reports the error.
   */
  static int over(byte[] text, int from, int to, int most) {
    int count = 0;
    int beforeArray = -1; // the count before the array at hand, while that has only digits
    for (int at = from; at < to; at++) {
      switch (text[at]) {
        case '"' -> {
          count++;
          beforeArray = -1;
          at = closing(text, at, to);
        }
        case '[' -> {
          beforeArray = ++count;
        }
        case ']' -> {
          count = beforeArray < 0 ? count : beforeArray;
          beforeArray = -1;
        }
        case '{', 't', 'f', 'n', '-' -> {
          count++;
          beforeArray = -1;
          at = word(text, at, to);
        }
        case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' -> {
          count++;
          at = word(text, at, to);
        }
        default -> {
          // white space, a comma, a colon or an end
        }
      }
      if (count > most && beforeArray < 0) {
        return at;
      }
    }
    return -1;
  }

  /** Returns the index of a string's closing quotation mark. */
  private static int closing(byte[] text, int quote, int to) {
    int at = quote + 1;
    while (at < to && text[at] != '"') {
      at += text[at] == '\\' ? 2 : 1;
    }
    return at;
  }

  /** Returns the index of the last character of a number or a word. */
  private static int word(byte[] text, int start, int to) {
    int at = start;
    while (at + 1 < to && isWord(text[at + 1])) {
      at++;
    }
    return at;
  }

  private static boolean isWord(byte c) {
    return (c >= '0' && c <= '9')
        || (c >= 'a' && c <= 'z')
        || c == 'E'
        || c == '.'
        || c == '+'
        || c == '-';
  }
}
