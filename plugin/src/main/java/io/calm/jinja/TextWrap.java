package io.calm.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Python's {@code textwrap.wrap} for one line, with {@code expand_tabs} and {@code
 * replace_whitespace} off.
 */
final class TextWrap {
  private static final String BLANK = "[\\t\\n\\x0b\\f\\r ]";
  private static final String OTHER = "[^\\t\\n\\x0b\\f\\r ]";
  private static final String LETTER = "[\\p{IsL}\\p{IsNl}\\p{IsNo}_]";
  private static final String WORD = "[\\p{IsL}\\p{IsN}_]";
  private static final String INNER = "[\\p{IsL}\\p{IsN}_!\"'&.,?]";

  private static final String HYPHEN = "-(?:(?<=L{2}-)|(?<=L-L-))(?=L-?L)".replace("L", LETTER);

  private static final Pattern BLANKS = Pattern.compile(BLANK + "+|" + OTHER + "+");

  /** Matches blanks, dashes between words, and words; a hyphen between letters ends a word. */
  private static final Pattern HYPHENS =
      Pattern.compile(
          String.join(
              "|",
              BLANK + "+",
              "(?<=" + INNER + ")-{2,}(?=" + WORD + ")",
              OTHER
                  + "+?(?:"
                  + HYPHEN
                  + "|(?="
                  + BLANK
                  + "|\\z)|(?<="
                  + INNER
                  + ")(?=-{2,}"
                  + WORD
                  + "))"));

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
      }
      budget.grow(lines.size());
      StringBuilder line = new StringBuilder();
      long room = width;
      String lastChunk = "";
      while (at < chunks.size() && length(chunks.get(at)) <= room) {
        lastChunk = chunks.get(at++);
        room -= length(lastChunk);
        line.append(lastChunk);
      }
      if (at < chunks.size() && length(chunks.get(at)) > width) {
        String chunk = chunks.get(at);
        if (breaksWords) {
          int cut = cut(chunk, (int) room);
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

  private static int length(String chunk) {
    return chunk.codePointCount(0, chunk.length());
  }

  /** Returns the index at which to cut a chunk that does not fit in the rest of its line. */
  private int cut(String chunk, int room) {
    int cut = chunk.offsetByCodePoints(0, room);
    if (breaksHyphens) {
      int hyphen = chunk.lastIndexOf('-', cut - 1);
      boolean inside = hyphen > 0 && chunk.substring(0, hyphen).chars().anyMatch(c -> c != '-');
      cut = inside ? hyphen + 1 : cut;
    }
    return cut;
  }

  private static boolean isBlank(String chunk) {
    return chunk.codePoints().allMatch(PyText::isSpace);
  }

  private List<String> chunks(String text) {
    budget.scan(text.length());
    List<String> chunks = new ArrayList<>();
    Matcher matcher = (breaksHyphens ? HYPHENS : BLANKS).matcher(text);
    while (matcher.find()) {
      budget.grow(chunks.size());
      chunks.add(matcher.group());
    }
    return chunks;
  }
}
