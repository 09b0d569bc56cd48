package io.calm.settings;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** The Levenshtein distance of two words: the number of insertions, deletions and replacements. */
public final class EditDistance {
  private EditDistance() {}

  /** Returns the word nearest to {@code name}; empty if none is near. */
  public static Optional<String> nearest(String name, List<String> words) {
    int limit = Math.max(2, name.length() / 4);
    return words.stream()
        .filter(word -> Math.abs(word.length() - name.length()) <= limit)
        .filter(word -> between(name, word) <= limit)
        .min(Comparator.comparingInt(word -> between(name, word)));
  }

  static int between(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
