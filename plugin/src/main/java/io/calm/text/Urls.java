package io.calm.text;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * URLs in logs, messages and answers. They may come from clients that have shown no key yet, so all
 * methods take time linear in the text.
 */
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

  private static final String HIDDEN = "***";

  private Urls() {}

  /**
   * Returns a URL, or a text with URLs, without user names, passwords and the values of a query:
   * {@code https://user:secret@host/a?token=secret} becomes {@code https://***@host/a?***}. A path
   * without a scheme stays as it is.
   */
  public static String withoutSecrets(String url) {
    StringBuilder hidden = new StringBuilder();
    String[] lines = url.split("\n", -1);
    for (int i = 0; i < lines.length; i++) {
      String line = withoutUsers(lines[i]);
      if (i == 0) {
        line = USER_ALONE.matcher(line).replaceFirst(HIDDEN + "@");
      }
      hidden.append(i == 0 ? "" : "\n").append(withoutQuery(line));
    }
    return hidden.toString();
  }

  /** Hides users up to the last {@code @}, so that no search for one fails at the line's end. */
  private static String withoutUsers(String line) {
    int end = line.lastIndexOf('@') + 1;
    return USER.matcher(line.substring(0, end)).replaceAll(HIDDEN + "@") + line.substring(end);
  }

  /**
   * Hides the query of the first URL that has one, up to the end of the line. Paths and values may
   * have spaces that should be encoded. A question mark before a space is one of a sentence.
   */
  private static String withoutQuery(String line) {
    boolean letter = false; // in the run of a scheme's characters that ends here
    boolean scheme = false; // the run is one: a letter and at least one more character
    boolean url = false;
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      boolean text = i + 1 < line.length() && !isSpace(line.charAt(i + 1));
      if (c == '?' && url && text) {
        return line.substring(0, i + 1) + HIDDEN;
      }
      url = c != '?' && c != '#' && (url || (c == ':' && scheme && text));
      scheme = isOfScheme(c) && letter;
      letter = isOfScheme(c) && (letter || isLetter(c));
    }
    return line;
  }

  private static boolean isOfScheme(char c) {
    return isLetter(c) || (c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-';
  }

  private static boolean isLetter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  }

  /** Returns whether a character is one of {@code \s} in a pattern. */
  private static boolean isSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
  }

  /** Returns a URL without user name, password, query and fragment, for use as a name. */
  public static String place(String url) {
    return withoutSecrets(url).replace(HIDDEN + "@", "").replaceFirst("(?s)[?#].*", "");
  }

  /** Returns a name as one segment of a path, with {@code %2F} for a slash. */
  public static String segment(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
