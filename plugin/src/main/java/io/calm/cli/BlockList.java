package io.calm.cli;

import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A list of blocks on the command line, e.g. {@code 0-10,29}. */
final class BlockList {
  private static final Pattern PART = Pattern.compile("(\\d{1,6})(?:-(\\d{1,6}))?");

  private BlockList() {}

  /**
   * Returns the blocks, ascending, each once.
   *
   * @throws IllegalArgumentException if {@code text} is no such list
   */
  static List<Integer> parse(String text) {
    TreeSet<Integer> blocks = new TreeSet<>();
    for (String part : text.split(",", -1)) {
      Matcher range = PART.matcher(part.strip());
      if (!range.matches()) {
        throw wrong(text, part);
      }
      int from = Integer.parseInt(range.group(1));
      int to = range.group(2) == null ? from : Integer.parseInt(range.group(2));
      if (to < from) {
        throw wrong(text, part);
      }
      for (int block = from; block <= to; block++) {
        blocks.add(block);
      }
    }
    return List.copyOf(blocks);
  }

  private static IllegalArgumentException wrong(String text, String part) {
    return new ArgumentException(
        "--blocks %s: expected comma-separated numbers and ranges, e.g. 0-10,29, got '%s'"
            .formatted(text, part));
  }
}
