package io.calm.text;

import java.util.regex.Pattern;

/** Words of a command line that is shown to be pasted into a POSIX shell. */
public final class ShellWords {
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_./:=,@%+-]+");

  private ShellWords() {}

  /** Returns a word in single quotes, or as it is if the shell reads it as one word. */
  public static String quoted(String word) {
    return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
  }
}
