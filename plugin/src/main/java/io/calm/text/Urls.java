package io.calm.text;

import java.util.regex.Pattern;

/** URLs in logs, messages and answers. */
public final class Urls {
  /**
   * The user information of an authority, which ends at its last {@code @}; or a user and a
   * password with characters that should be encoded, up to the next {@code @}. What follows the
   * colon of a host is a port.
   */
  private static final Pattern USER =
      Pattern.compile(
          "(?<=://|https?:/)(?:[^/?#\\s]*@|[^/?#\\s:]*:(?!\\d{1,5}(?:[/?#\\s]|$))[^\\n]*?@)");

  private Urls() {}

  /**
   * Returns a URL, or a text with URLs, without user names and passwords: {@code
   * https://user:secret@host/a} becomes {@code https://***@host/a}.
   */
  public static String withoutUser(String url) {
    return USER.matcher(url).replaceAll("***@");
  }
}
