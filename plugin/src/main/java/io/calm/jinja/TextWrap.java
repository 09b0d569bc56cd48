package io.calm.jinja;

import java.util.ArrayList;
import java.util.List;

/**
 * Python's {@code textwrap.wrap} of one line, with {@code expand_tabs} and {@code
 * replace_whitespace} off.
 */
final class TextWrap {
  private static final String BLANKS = "\t\n\013\f\r ";

  private final Budget budget;
  private final long width;
  private final boolean breaksWords;
  private final boolean breaksHyphens;

  TextWrap(Budget budget, long width, boolean breaksWords, boolean breaksHyphens) {
    if (width <= 0) {
      throw Fault.error("invalid width %d (must be > 0)", width);
    }
    this.budget = budget;
    this.width = width;
    this.breaksWords = breaksWords;
    this.breaksHyphens = breaksHyphens;
  }

  List<String> wrap(String text) {
    List<String> chunks = chunks(text);
    List<String> lines = new ArrayList<>();
    int at = 0;
    while (at < chunks.size()) {
      if (!lines.isEmpty() && isBlank(chunks.get(at))) {
        at++;
        continue;
      }
      budget.grow(lines.size());
      StringBuilder line = new StringBuilder();
      String lastChunk = "";
      while (at < chunks.size() && line.length() + chunks.get(at).length() <= width) {
        lastChunk = chunks.get(at++);
        line.append(lastChunk);
      }
      if (at < chunks.size() && chunks.get(at).length() > width) {
        String chunk = chunks.get(at);
        int room = (int) Math.max(0, width - line.length());
        if (breaksWords) {
          int cut = cut(chunk, room);
          line.append(chunk, 0, cut);
          lastChunk = chunk.substring(0, cut);
          chunks.set(at, chunk.substring(cut));
          budget.scan(chunk.length());
        } else if (line.length() == 0) {
          lastChunk = chunk;
          line.append(chunk);
          at++;
        }
      }
      if (isBlank(lastChunk)) {
        line.setLength(line.length() - lastChunk.length());
      }
      if (line.length() > 0) {
        lines.add(line.toString());
      }
    }
    return lines;
  }

  private int cut(String chunk, int room) {
    int cut = room;
    if (breaksHyphens && chunk.length() > room) {
      int hyphen = chunk.lastIndexOf('-', room - 1);
      boolean inside = hyphen > 0 && chunk.substring(0, hyphen).chars().anyMatch(c -> c != '-');
      cut = inside ? hyphen + 1 : room;
    }
    return Math.max(1, Math.min(cut, chunk.length()));
  }

  private static boolean isBlank(String chunk) {
    return chunk.chars().allMatch(c -> BLANKS.indexOf(c) >= 0);
  }

  /** Splits into runs of blanks and words; words end behind hyphens between letters too. */
  private List<String> chunks(String text) {
    List<String> chunks = new ArrayList<>();
    int start = 0;
    for (int i = 1; i <= text.length(); i++) {
      if (i == text.length() || breaks(text, start, i)) {
        budget.grow(chunks.size());
        chunks.add(text.substring(start, i));
        start = i;
      }
    }
    return chunks;
  }

  private boolean breaks(String text, int start, int at) {
    boolean before = BLANKS.indexOf(text.charAt(at - 1)) >= 0;
    boolean after = BLANKS.indexOf(text.charAt(at)) >= 0;
    if (before != after) {
      return true;
    }
    return breaksHyphens
        && text.charAt(at - 1) == '-'
        && at - start >= 3
        && Character.isLetter(text.charAt(at - 2))
        && isWord(text.charAt(at - 3))
        && at + 1 < text.length()
        && Character.isLetter(text.charAt(at))
        && (Character.isLetter(text.charAt(at + 1)) || text.charAt(at + 1) == '-');
  }

  private static boolean isWord(char c) {
    return Character.isLetterOrDigit(c) || c == '_';
  }
}
