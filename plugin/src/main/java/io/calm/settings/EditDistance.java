package io.calm.settings;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The edit distance of two words: the number of insertions, deletions, replacements, and swaps of
 * neighbouring characters. A character is edited once at most (optimal string alignment).
 */
public final class EditDistance {
  private static final Pattern DASHES = Pattern.compile("^-+");

  private EditDistance() {}

  /**
   * Returns the word nearest to {@code name}; empty if none is near. At most a third of the
   * characters may differ, not counting the dashes of an option.
   */
  public static Optional<String> nearest(String name, List<String> words) {
    int length = DASHES.matcher(name).replaceFirst("").length();
    int limit = Math.min(length / 3, Math.max(2, length / 4));
    return words.stream()
        .filter(word -> Math.abs(word.length() - name.length()) <= limit)
        .filter(word -> between(name, word) <= limit)
        .min(Comparator.comparingInt(word -> between(name, word)));
  }

  static int between(String a, String b) {
    int[][] distances = new int[a.length() + 1][b.length() + 1]; // of the first i and j characters
    for (int i = 0; i <= a.length(); i++) {
      distances[i][0] = i;
    }
    for (int j = 0; j <= b.length(); j++) {
      distances[0][j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      for (int j = 1; j <= b.length(); j++) {
        int replaced = distances[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        int inserted = Math.min(distances[i - 1][j], distances[i][j - 1]) + 1;
        distances[i][j] = Math.min(replaced, inserted);
        if (swapped(a, i, b, j)) {
          distances[i][j] = Math.min(distances[i][j], distances[i - 2][j - 2] + 1);
        }
      }
    }
    return distances[a.length()][b.length()];
  }

  /** Whether the last two of the first {@code i} and {@code j} characters are swapped. */
  private static boolean swapped(String a, int i, String b, int j) {
    return i > 1
        && j > 1
        && a.charAt(i - 1) == b.charAt(j - 2)
        && a.charAt(i - 2) == b.charAt(j - 1);
  }
}
