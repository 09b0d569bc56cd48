package io.calm.serving.reply;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;

/** Arrays of token ids in a request. */
public final class TokenIds {
  private TokenIds() {}

  /**
   * Returns an array of token ids.
   *
   * @param vocabulary ids are below it
   */
  public static int[] array(String name, JsonElement value, int vocabulary) {
    int[] ids;
    if (value instanceof TokenArray tokens) {
      ids = tokens.ids();
    } else if (value.isJsonArray()) {
      ids = read(name, value.getAsJsonArray(), vocabulary);
    } else {
      throw RequestFields.mismatch(name, "an array of token ids", value);
    }
    for (int i = 0; i < ids.length; i++) {
      require(name, i, ids[i], vocabulary);
    }
    return ids;
  }

  /** Returns whether a value is an array, so that {@link #array} reads it. */
  public static boolean are(JsonElement value) {
    return value.isJsonArray() || value instanceof TokenArray;
  }

  /** Returns how many elements an array has that {@link #array} can read. */
  public static int count(JsonElement value) {
    if (value instanceof TokenArray tokens) {
      return tokens.ids().length;
    }
    return value.isJsonArray() ? value.getAsJsonArray().size() : 0;
  }

  private static int[] read(String name, JsonArray array, int vocabulary) {
    int[] ids = new int[array.size()];
    for (int i = 0; i < ids.length; i++) {
      long id = RequestFields.wholeNumber("%s[%d]".formatted(name, i), array.get(i));
      require(name, i, id, vocabulary);
      ids[i] = (int) id;
    }
    return ids;
  }

  private static void require(String name, int index, long id, int vocabulary) {
    if (id < 0 || id >= vocabulary) {
      throw ApiException.invalid(
          "%s[%d]".formatted(name, index),
          "expected a token id below %d, got %d".formatted(vocabulary, id));
    }
  }
}
