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

  /**
   * A user and a password without {@code //} in front of them, where a URL has its scheme. A
   * password with a slash cannot be told from a path.
   */
  private static final Pattern USER_ALONE =
      Pattern.compile("^(?!(?i:file):)[A-Za-z][A-Za-z0-9+.-]+:[^/\\s]+@");

  /**
   * A query, up to the end of the line. Paths and values may have spaces that should be encoded. A
   * question mark before a space is one of a sentence.
   */
  private static final Pattern QUERY =
      Pattern.compile("([A-Za-z][A-Za-z0-9+.-]+:(?!\\s)[^?#\\n]*\\?)(?=\\S)[^\\n]+");

  private static final String HIDDEN = "***";

  private Urls() {}

  /**
   * Returns a URL, or a text with URLs, without user names, passwords and the values of a query:
   * {@code https://user:secret@host/a?token=secret} becomes {@code https://***@host/a?***}. A path
   * without a scheme stays as it is.
   */
  public static String withoutSecrets(String url) {
    String hidden = USER.matcher(url).replaceAll(HIDDEN + "@");
    hidden = USER_ALONE.matcher(hidden).replaceAll(HIDDEN + "@");
    return QUERY.matcher(hidden).replaceAll("$1" + HIDDEN);
  }

  /** Returns a URL without user name, password, query and fragment, for use as a name. */
  public static String place(String url) {
    return withoutSecrets(url).replace(HIDDEN + "@", "").replaceFirst("[?#].*$", "");
  }
}
