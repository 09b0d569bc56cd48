package io.calm.cli.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A table of text with aligned columns. Rows may have different numbers of cells. */
final class TextTable {
  private final List<List<String>> rows = new ArrayList<>();

  /** Adds a row. */
  void add(String... cells) {
    rows.add(new ArrayList<>(Arrays.asList(cells)));
  }

  /** Adds cells to the last row. */
  void append(String... cells) {
    rows.get(rows.size() - 1).addAll(Arrays.asList(cells));
  }

  /** Returns the rows as lines without spaces at their ends. */
  List<String> lines() {
    List<Integer> widths = new ArrayList<>();
    for (List<String> row : rows) {
      for (int i = 0; i < row.size(); i++) {
        if (i == widths.size()) {
          widths.add(0);
        }
        widths.set(i, Math.max(widths.get(i), row.get(i).length()));
      }
    }
    List<String> lines = new ArrayList<>();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.size(); i++) {
        line.append(row.get(i)).append(" ".repeat(widths.get(i) - row.get(i).length() + 2));
      }
      lines.add(line.toString().stripTrailing());
    }
    return lines;
  }
}
