package io.calm.serving.api;

import com.google.gson.JsonElement;

/**
 * An array of whole numbers in a body, four bytes each, where a tree of JSON values would take some
 * hundred. {@link JsonBody} makes one where a prompt's token ids stand, and nowhere else.
 */
final class TokenArray extends JsonElement {
  private final int[] ids;

  /**
   * Wraps ids.
   *
   * @param ids at least one, none negative; not copied
   */
  @SuppressWarnings("deprecation") // the library makes its own kinds alone
  TokenArray(int[] ids) {
    this.ids = ids;
  }

  /** Returns the ids themselves. */
  int[] ids() {
    return ids;
  }

  @Override
  public JsonElement deepCopy() {
    return new TokenArray(ids.clone());
  }
}
