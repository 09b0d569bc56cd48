package io.calm.serving.reply;

import java.util.Optional;

/**
 * Counts the values, keys and levels of a JSON text without keeping any, piece by piece, so that a
 * body with too many costs no memory. Arrays in the member {@code prompt} that contain only digits
 * are not counted: they may be token ids. Not thread safe.
 */
public final class ValueCount {
  private static final String TOKEN_IDS = "prompt";

  private final int max;
  private long at;
  private int count;
  private int ids; // of the current array
  private int level;
  private int matched; // characters of the key's name; -1 if it is another one
  private boolean escaped; // the current string has an escape
  private boolean named; // the last string of the outermost level may be the member's name
  private boolean inTokenIds;
  private State state = State.BETWEEN;

  private enum State {
    BETWEEN,
    STRING,
    ESCAPE,
    WORD,
    IDS
  }

  /**
   * Counts from the start of a text.
   *
   * @param max number of values and keys that are allowed
   */
  public ValueCount(int max) {
    this.max = max;
  }

  /** Returns a count with the limit for a request's body. */
  public static ValueCount ofBody() {
    return new ValueCount(JsonBody.MAX_VALUES);
  }

  /**
   * Reads the next piece. The count of malformed JSON is unspecified; the parser reports the error.
   *
   * @param to index after the piece's last byte
   * @throws ApiException if the text has too many values or levels; the message names the byte
   */
  public void read(byte[] text, int from, int to) {
    for (int i = from; i < to; i++) {
      byte c = text[i];
      switch (state) {
        case STRING -> i = string(text, i, to);
        case ESCAPE -> state = State.STRING;
        case WORD -> i = word(text, i, to);
        case IDS -> i = ids(text, i, to);
        case BETWEEN -> between(c);
      }
      if (ids > JsonBody.MAX_TOKEN_IDS) {
        throw tooManyIds();
      }
      if (count > max) {
        throw tooMany(at + i - from);
      }
      if (level > JsonBody.MAX_LEVELS) {
        throw tooDeep(at + i - from);
      }
    }
    at += to - from;
  }

  /** Reads a number or a word to its end; returns the index of its last byte. */
  private int word(byte[] text, int from, int to) {
    int i = from;
    while (i < to && isWord(text[i])) {
      i++;
    }
    if (i < to) {
      state = State.BETWEEN;
    }
    return i - 1;
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
      if (matched >= 0) { // the start of a string
        boolean next = matched < TOKEN_IDS.length() && c == TOKEN_IDS.charAt(matched);
        matched = next ? matched + 1 : -1;
      }
    }
    return to - 1;
  }

  /** Reads an array as long as it contains only digits; returns the index of the last byte. */
  private int ids(byte[] text, int from, int to) {
    for (int i = from; i < to; i++) {
      byte c = text[i];
      if (c == ',') {
        if (++ids > JsonBody.MAX_TOKEN_IDS) {
          return i;
        }
      } else if ((c < '0' || c > '9') && c != ' ' && c != '\n' && c != '\r' && c != '\t') {
        count += c == ']' ? 0 : ids - 1; // the last one may continue or be no number
        ids = 0;
        state = State.BETWEEN;
        between(c);
        return i;
      }
    }
    return to - 1;
  }

  private void between(byte c) {
    switch (c) {
      case '"' -> {
        count++;
        matched = 0;
        escaped = false;
        state = State.STRING;
      }
      case '[' -> {
        count++;
        level++;
        if (inTokenIds) {
          ids = 1;
          state = State.IDS;
        }
      }
      case '{' -> {
        count++;
        level++;
      }
      case ']', '}' -> level--;
      case ':' -> inTokenIds = level == 1 ? named : inTokenIds;
      case 't', 'f', 'n', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' -> {
        count++;
        state = State.WORD;
      }
      default -> {
        // white space or a comma
      }
    }
  }

  private static boolean isWord(byte c) {
    return (c >= '0' && c <= '9')
        || (c >= 'a' && c <= 'z')
        || c == 'E'
        || c == '.'
        || c == '+'
        || c == '-';
  }

  /**
   * Creates the error for a body with too many values.
   *
   * @param at index of the byte at which the limit is exceeded
   */
  static ApiException tooMany(long at) {
    return new ApiException(
        ApiException.Kind.BODY_TOO_COMPLEX,
        "body: expected at most %d values and keys, got more; byte %d is where the limit is reached"
            .formatted(JsonBody.MAX_VALUES, at));
  }

  /**
   * Creates the error for a body with too many levels.
   *
   * @param at index of the bracket that begins the level after the last one
   */
  static ApiException tooDeep(long at) {
    return new ApiException(
        ApiException.Kind.BODY_TOO_COMPLEX,
        "body: malformed JSON: Nesting limit %d reached at byte %d"
            .formatted(JsonBody.MAX_LEVELS, at));
  }

  /** Creates the error for a prompt that has more token ids than are read for any model. */
  static ApiException tooManyIds() {
    return new ApiException(
        ApiException.Kind.TOO_LONG,
        ("prompt: the prompt is too long: it has more than %d token ids; for token ids, this model's"
                + " maximum context length is at most that; shorten it")
            .formatted(JsonBody.MAX_TOKEN_IDS),
        Optional.of(TOKEN_IDS));
  }
}
