package io.calm.serving.reply;

import com.google.gson.JsonElement;

/**
 * An array of whole numbers in a body. It takes four bytes per number, where a tree of JSON values
 * would take about a hundred. {@link JsonBody} makes one only for a prompt's token ids.
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
