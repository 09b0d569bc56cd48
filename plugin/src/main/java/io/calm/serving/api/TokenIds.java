package io.calm.serving.api;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;

/** Arrays of token ids in a request. */
public final class TokenIds {
  private TokenIds() {}

  /** Returns an array of non-negative ids. */
  public static int[] array(String name, JsonElement value) {
    if (!value.isJsonArray()) {
      throw JsonFields.mismatch(name, "an array of token ids", value);
    }
    JsonArray array = value.getAsJsonArray();
    int[] ids = new int[array.size()];
    for (int i = 0; i < ids.length; i++) {
      String element = "%s[%d]".formatted(name, i);
      long id = JsonFields.wholeNumber(element, array.get(i));
      if (id < 0 || id > Integer.MAX_VALUE) {
        throw ApiException.invalid(element, "expected a token id, got " + id);
      }
      ids[i] = (int) id;
    }
    return ids;
  }
}
