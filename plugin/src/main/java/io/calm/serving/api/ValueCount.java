package io.calm.serving.api;

/**
 * Counts the values, keys and levels of a JSON text without keeping any, piece by piece, so that a
 * body with too many costs no memory. Arrays in the member {@code prompt} that contain only digits are
 * not counted: they may be token ids. Not thread safe.
 */
public final class ValueCount {
  private static final String TOKEN_IDS = "prompt";

  private final int most;
  private long at;
  private int count;
  private int beforeArray = -1; // the count before the array at hand, while that has only digits
  private int level;
  private int matched; // characters of the key's name; -1 if it is another one
  private boolean escaped; // the string at hand has an escape
  private boolean named; // the last string of the outermost level may be the member's name
  private boolean inTokenIds;
  private State state = State.BETWEEN;

  private enum State {
    BETWEEN,
    STRING,
    ESCAPE,
    WORD
  }

  /**
   * Counts from the start of a text.
   *
   * @param most number of values and keys that are allowed
   */
  public ValueCount(int most) {
    this.most = most;
  }

  /** Returns a count with the limit for a request's body. */
  public static ValueCount ofBody() {
    return new ValueCount(JsonBody.MAX_VALUES);
  }

  /**
   * Reads the next piece. The count of malformed JSON is unspecified; the parser reports the error.
   *
   * @param to index behind the piece's last byte
   * @throws ApiException if the text has too many values or levels; the message names the byte
   */
  public void read(byte[] text, int from, int to) {
    for (int i = from; i < to; i++) {
      byte c = text[i];
      switch (state) {
        case STRING -> i = string(text, i, to);
        case ESCAPE -> state = State.STRING;
        case WORD -> {
          if (!isWord(c)) {
            state = State.BETWEEN;
            between(c);
          }
        }
        case BETWEEN -> between(c);
      }
      if (count > most && beforeArray < 0) {
        throw BodyParser.tooMany(at + i - from);
      }
      if (level > JsonBody.MAX_LEVELS) {
        throw BodyParser.tooDeep(at + i - from);
      }
    }
    at += to - from;
  }

  /** Reads a string to its end or the end of the piece, and returns the index of the last byte. */
  private int string(byte[] text, int from, int to) {
    for (int i = from; i < to; i++) {
      byte c = text[i];
      if (c == '"') {
        named = level == 1 && (escaped || matched == TOKEN_IDS.length());
        state = State.BETWEEN;
        return i;
      }
      if (c == '\\') {
        escaped = true; // escapes may spell the name
        state = State.ESCAPE;
        return i;
      }
      if (matched >= 0) {
        boolean next = matched < TOKEN_IDS.length() && c == TOKEN_IDS.charAt(matched);
        matched = next ? matched + 1 : -1;
      }
    }
    return to - 1;
  }

  private void between(byte c) {
    switch (c) {
      case '"' -> {
        value();
        matched = 0;
        escaped = false;
        state = State.STRING;
      }
      case '[' -> {
        value();
        level++;
        beforeArray = inTokenIds ? count : -1;
      }
      case '{' -> {
        value();
        level++;
      }
      case ']' -> {
        level--;
        count = beforeArray < 0 ? count : beforeArray;
        beforeArray = -1;
      }
      case '}' -> level--;
      case ':' -> inTokenIds = level == 1 ? named : inTokenIds;
      case 't', 'f', 'n', '-' -> {
        value();
        state = State.WORD;
      }
      case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' -> {
        count++;
        state = State.WORD;
      }
      default -> {
        // white space or a comma
      }
    }
  }

  /** Counts a value that is no number of digits. */
  private void value() {
    count++;
    beforeArray = -1;
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
