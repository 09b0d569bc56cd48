package io.calm.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Python's character classes and string operations. */
final class PyText {
  private static final int FEW = 8;

  private PyText() {}

  /** Returns whether {@code str.isspace} holds for a character. */
  static boolean isSpace(int c) {
    return (c >= '\t' && c <= '\r')
        || (c >= 0x1c && c <= 0x20)
        || c == 0x85
        || (c >= 0xa0 && Character.isSpaceChar(c));
  }

  /** Returns the index of the first character from {@code from} on that is not white space. */
  static int skipSpace(String text, int from) {
    int i = from;
    while (i < text.length() && isSpace(text.charAt(i))) {
      i++;
    }
    return i;
  }

  private static boolean isLineEnd(char c) {
    return (c >= '\n' && c <= '\r')
        || (c >= 0x1c && c <= 0x1e)
        || c == 0x85
        || c == 0x2028
        || c == 0x2029;
  }

  /**
   * Returns whether {@code str.isprintable} holds for a character. One that the JDK does not know
   * is printable, because a later version of Unicode may have it; new emoji are common in chats.
   */
  static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      case Character.SPACE_SEPARATOR -> c == ' ';
      case Character.UNASSIGNED -> !isNoncharacter(c);
      default -> true;
    };
  }

  /** Returns whether no version of Unicode will assign a code point. */
  private static boolean isNoncharacter(int c) {
    return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
  }

  static String lower(String text) {
    return text.toLowerCase(Locale.ROOT);
  }

  /** Python's {@code casefold}. */
  static String caseFold(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints().forEach(c -> out.append(lower(upper(Character.toString(c)))));
    return out.toString();
  }

  static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }

  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int end = text.offsetByCodePoints(0, 1);
    return titleCase(text.codePointAt(0)) + lower(text.substring(end));
  }

  private static String titleCase(int c) {
    int title = Character.toTitleCase(c);
    String text = Character.toString(c);
    String upper = upper(text);
    boolean several = title == c && upper.codePointCount(0, upper.length()) > 1;
    if (several) {
      int end = upper.offsetByCodePoints(0, 1);
      return upper.substring(0, end) + lower(upper.substring(end));
    }
    return Character.toString(title);
  }

  /** Python's {@code str.title}: a word starts at a cased letter that follows another character. */
  static String title(String text) {
    StringBuilder out = new StringBuilder();
    boolean inWord = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      out.append(inWord ? lower(Character.toString(c)) : titleCase(c));
      inWord = isCased(c);
    }
    return out.toString();
  }

  static boolean isCased(int c) {
    return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
  }

  /**
   * Python's {@code strip}, {@code lstrip} and {@code rstrip}.
   *
   * @param characters the characters to remove; null for white space
   */
  static String strip(String text, @Nullable String characters, boolean left, boolean right) {
    IntPredicate taken = characters == null ? PyText::isSpace : oneOf(characters);
    int start = 0;
    int end = text.length();
    while (left && start < end) {
      int c = text.codePointAt(start);
      if (!taken.test(c)) {
        break;
      }
      start += Character.charCount(c);
    }
    while (right && end > start) {
      int c = text.codePointBefore(end);
      if (!taken.test(c)) {
        break;
      }
      end -= Character.charCount(c);
    }
    return text.substring(start, end);
  }

  private static IntPredicate oneOf(String characters) {
    if (characters.length() <= FEW) {
      return c -> characters.indexOf(c) >= 0;
    }
    Set<Integer> all = characters.codePoints().boxed().collect(Collectors.toSet());
    return all::contains;
  }

  /** Python's {@code splitlines}. */
  static List<String> lines(Budget budget, String text, boolean keepEnds) {
    budget.reserve(text.length());
    List<String> lines = new ArrayList<>();
    int start = 0;
    while (start < text.length()) {
      int end = start;
      while (end < text.length() && !isLineEnd(text.charAt(end))) {
        end++;
      }
      int next = Math.min(end + 1, text.length());
      if (text.startsWith("\r\n", end)) {
        next++;
      }
      budget.grow(lines.size());
      lines.add(text.substring(start, keepEnds ? next : end));
      start = next;
    }
    return lines;
  }

  /** Splits at white space, at most {@code max} times; from the right if {@code last}. */
  static List<String> words(Budget budget, String text, long max, boolean last) {
    budget.reserve(text.length());
    List<String> words = new ArrayList<>();
    int start = last ? 0 : skipSpace(text, 0);
    int end = last ? skipSpaceBack(text, text.length()) : text.length();
    while (start < end) {
      budget.grow(words.size());
      if (max >= 0 && words.size() >= max) {
        words.add(text.substring(start, end));
        break;
      }
      int cut = last ? end : start;
      while (last ? cut > 0 && !isSpace(text.charAt(cut - 1)) : !isSpaceAt(text, cut)) {
        cut += last ? -1 : 1;
      }
      words.add(last ? text.substring(cut, end) : text.substring(start, cut));
      start = last ? 0 : skipSpace(text, cut);
      end = last ? skipSpaceBack(text, cut) : end;
    }
    if (last) {
      Collections.reverse(words);
    }
    return words;
  }

  private static boolean isSpaceAt(String text, int at) {
    return at >= text.length() || isSpace(text.charAt(at));
  }

  private static int skipSpaceBack(String text, int end) {
    int i = end;
    while (i > 0 && isSpace(text.charAt(i - 1))) {
      i--;
    }
    return i;
  }

  /** Splits at a separator, at most {@code max} times; from the right if {@code last}. */
  static List<String> split(Budget budget, String text, String separator, long max, boolean last) {
    if (separator.isEmpty()) {
      throw Fault.error("empty separator");
    }
    budget.reserve(text.length());
    List<String> parts = new ArrayList<>();
    int start = 0;
    int end = text.length();
    while (max < 0 || parts.size() < max) {
      int at =
          last
              ? TextSearch.findLast(budget, text, separator, end)
              : TextSearch.find(budget, text, separator, start);
      if (at < 0) {
        break;
      }
      budget.grow(parts.size());
      parts.add(last ? text.substring(at + separator.length(), end) : text.substring(start, at));
      start = last ? 0 : at + separator.length();
      end = last ? at : end;
    }
    parts.add(text.substring(start, end));
    if (last) {
      Collections.reverse(parts);
    }
    return parts;
  }

  /** Python's {@code replace}, at most {@code max} times unless negative. */
  static String replace(Budget budget, String text, String old, String replacement, long max) {
    budget.scan(text.length());
    StringBuilder out = new StringBuilder();
    int start = 0;
    long count = 0;
    int from = 0;
    while (max < 0 || count < max) {
      int at = from > text.length() ? -1 : TextSearch.find(budget, text, old, from);
      if (at < 0) {
        break;
      }
      budget.work(1);
      budget.scan(replacement.length());
      out.append(text, start, at).append(replacement);
      budget.grow(out);
      start = at + old.length();
      from = old.isEmpty() ? (at < text.length() ? text.offsetByCodePoints(at, 1) : at + 1) : start;
      count++;
    }
    return count == 0 ? text : out.append(text, start, text.length()).toString();
  }

  /** Joins strings after checking their total length. */
  static StringValue join(Budget budget, String separator, List<String> parts) {
    long length = Math.max(0, parts.size() - 1L) * separator.length();
    for (String part : parts) {
      length += part.length();
    }
    budget.reserve(length);
    return new StringValue(String.join(separator, parts));
  }

  /** Pads to a number of code points; {@code align} is one of {@code <}, {@code >}, {@code ^}. */
  static String pad(Budget budget, String text, long width, int fill, char align) {
    int length = text.codePointCount(0, text.length());
    if (width <= length) {
      return text;
    }
    // The bound is beyond the limit of any string, and the product cannot overflow.
    long missing = Math.min(width - length, Integer.MAX_VALUE);
    budget.reserve(text.length() + missing * Character.charCount(fill));
    long left =
        switch (align) {
          case '<' -> 0;
          case '^' -> missing / 2;
          // str.center puts the extra blank on the left if the width is odd.
          case 'c' -> missing / 2 + (missing & width & 1);
          default -> missing;
        };
    String filler = Character.toString(fill);
    return filler.repeat((int) left) + text + filler.repeat((int) (missing - left));
  }
}
