package io.calm.text;

import java.util.regex.Pattern;

/** URLs in logs, messages and answers. */
public final class Urls {
  /** The user information of an authority, which ends at its last {@code @}. */
  private static final Pattern USER = Pattern.compile("(?<=://)[^/?#\\s]*@");

  private Urls() {}

  /**
   * Returns a URL, or a text with URLs, without user names and passwords: {@code
   * https://user:secret@host/a} becomes {@code https://***@host/a}.
   */
  public static String withoutUser(String url) {
    return USER.matcher(url).replaceAll("***@");
  }
}
