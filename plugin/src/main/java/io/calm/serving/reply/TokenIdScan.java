package io.calm.serving.reply;

/** Reads arrays of token ids from the bytes of a body, if they are nothing else. */
final class TokenIdScan {
  /** Number of digits that always fit an int. */
  private static final int MAX_DIGITS = 9;

  private TokenIdScan() {}

  /**
   * Returns the number of elements of an array that contains only digits; 0 if others are in it.
   *
   * @param at index of the array's bracket
   * @throws ApiException if there are more than {@link JsonBody#MAX_TOKEN_IDS}
   */
  static int count(byte[] body, int at, int length) {
    int count = 1;
    for (int i = at + 1; i < length; i++) {
      byte c = body[i];
      if (c == ',') {
        count++;
      } else if (c == ']') {
        if (count > JsonBody.MAX_TOKEN_IDS) {
          throw ValueCount.tooManyIds();
        }
        return count;
      } else if ((c < '0' || c > '9') && !isSpace(c)) {
        return 0;
      }
    }
    return 0;
  }

  /**
   * Reads an array of token ids.
   *
   * @param at index of the array's bracket
   * @param ids receives the ids; as long as {@link #count} says
   * @return the index after the array; -1 if it has no elements or others than token ids
   */
  static int read(byte[] body, int at, int length, int[] ids) {
    int i = at + 1;
    for (int count = 0; count < ids.length; count++) {
      i = skipSpace(body, i, length);
      int start = i;
      int id = 0;
      while (i < length && body[i] >= '0' && body[i] <= '9') {
        id = 10 * id + body[i++] - '0';
      }
      int width = i - start;
      i = skipSpace(body, i, length);
      boolean last = count == ids.length - 1;
      if (width == 0
          || width > MAX_DIGITS
          || (width > 1 && body[start] == '0')
          || i == length
          || body[i++] != (last ? ']' : ',')) {
        return -1;
      }
      ids[count] = id;
    }
    return ids.length == 0 ? -1 : i;
  }

  private static int skipSpace(byte[] body, int from, int length) {
    int i = from;
    while (i < length && isSpace(body[i])) {
      i++;
    }
    return i;
  }

  static boolean isSpace(byte c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
  }
}
