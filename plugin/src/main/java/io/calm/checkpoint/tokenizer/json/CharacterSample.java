package io.calm.checkpoint.tokenizer.json;

import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.IntStream;

/**
 * The characters by which the sets of a regular expression are compared: ASCII, a part of every
 * kind of Unicode's characters, and all that the expression names. Two sets with a common character
 * have one in the sample, unless both are properties of rare characters. A set that Java cannot
 * parse counts as all characters, so that comparisons err on the side of overlap. Not thread safe.
 */
final class CharacterSample {
  /** First and last code points of the ranges of the sample. */
  private static final int[][] RANGES = {
    {0x0, 0x24FF},
    {0x2580, 0x259F},
    {0x2E80, 0x2E9F},
    {0x3000, 0x312F},
    {0x4E00, 0x4E1F},
    {0xA640, 0xA65F},
    {0xAC00, 0xAC1F},
    {0xE000, 0xE007},
    {0xFB00, 0xFB1F},
    {0xFE00, 0xFE6F},
    {0xFF00, 0xFFEF},
    {0xFFFC, 0xFFFD},
    {0x10000, 0x1001F},
    {0x10400, 0x1044F},
    {0x1D400, 0x1D45F},
    {0x1F1E0, 0x1F1FF},
    {0x1F600, 0x1F63F},
    {0x20000, 0x20007},
    {0xE0100, 0xE0107}
  };

  private static final int[] COMMON =
      Arrays.stream(RANGES)
          .flatMapToInt(range -> IntStream.rangeClosed(range[0], range[1]))
          .toArray();

  /** A character by its code, in a class or alone. */
  private static final Pattern CODE =
      Pattern.compile(
          "\\\\(?:x\\{\\s*([0-9a-fA-F]{1,6})\\s*}?|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))");

  private final int[] points; // begins with ASCII
  private final int[] folded; // the same without case
  private final String text;
  private final int[] indices; // of the characters, by their first UTF-16 unit in the text
  private final Map<Integer, Integer> byPoint = new HashMap<>();
  private final Map<String, BitSet> known = new HashMap<>();

  private CharacterSample(int[] points) {
    this.points = points;
    this.folded = Arrays.stream(points).map(CharacterSample::fold).toArray();
    this.text = new String(points, 0, points.length);
    this.indices = new int[text.length()];
    int unit = 0;
    for (int i = 0; i < points.length; i++) {
      indices[unit] = i;
      unit += Character.charCount(points[i]);
      byPoint.put(points[i], i);
    }
  }

  /** Creates the sample for an expression. */
  static CharacterSample of(String regex) {
    IntStream named = regex.codePoints();
    IntStream codes = CODE.matcher(regex).results().mapToInt(CharacterSample::code);
    int[] more =
        IntStream.concat(named, codes)
            .filter(c -> c <= Character.MAX_CODE_POINT)
            .flatMap(c -> IntStream.of(c, fold(c), Character.toUpperCase(c)))
            .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
            .filter(c -> Arrays.binarySearch(COMMON, c) < 0)
            .distinct()
            .toArray();
    return new CharacterSample(
        IntStream.concat(Arrays.stream(COMMON), Arrays.stream(more)).toArray());
  }

  private static int fold(int c) {
    return Character.toLowerCase(Character.toUpperCase(c));
  }

  /**
   * Returns the indices of the characters in a set; not to be modified.
   *
   * @param source one class, escape or literal in Oniguruma's syntax
   */
  BitSet in(String source, boolean ignoreCase) {
    return known.computeIfAbsent(
        (ignoreCase ? "i" : "-") + source, key -> read(source, ignoreCase));
  }

  private BitSet read(String source, boolean ignoreCase) {
    OptionalInt literal = literal(source);
    return literal.isPresent()
        ? like(literal.getAsInt(), ignoreCase)
        : matching(java(source), ignoreCase);
  }

  /** Returns the only character of a set; empty if it is a class or another escape. */
  private static OptionalInt literal(String source) {
    int first = source.codePointAt(0);
    if (source.length() == Character.charCount(first)) {
      return first == '.' ? OptionalInt.empty() : OptionalInt.of(first);
    }
    if (first == '\\' && source.length() == 2 && !Character.isLetterOrDigit(source.charAt(1))) {
      return OptionalInt.of(source.charAt(1));
    }
    Matcher code = CODE.matcher(source);
    return code.matches() ? OptionalInt.of(code(code)) : OptionalInt.empty();
  }

  private static int code(MatchResult escape) {
    for (int group = 1; group < escape.groupCount(); group++) {
      if (escape.group(group) != null) {
        return Integer.parseInt(escape.group(group), 16);
      }
    }
    return Integer.parseInt(escape.group(escape.groupCount()), 16);
  }

  private BitSet like(int c, boolean ignoreCase) {
    BitSet found = new BitSet();
    Integer index = byPoint.get(c);
    if (index != null) {
      found.set(index);
    }
    if (ignoreCase) {
      int lower = fold(c);
      for (int i = 0; i < points.length; i++) {
        if (points[i] == lower || folded[i] == lower) {
          found.set(i);
        }
      }
    }
    return found;
  }

  private BitSet matching(String java, boolean ignoreCase) {
    BitSet found = new BitSet(points.length);
    Matcher matcher;
    try {
      int flags = ignoreCase ? Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE : 0;
      matcher =
          Pattern.compile(java, flags | Pattern.DOTALL | Pattern.UNICODE_CHARACTER_CLASS)
              .matcher(text);
    } catch (PatternSyntaxException e) {
      found.set(0, points.length);
      return found;
    }
    while (matcher.find()) {
      found.set(indices[matcher.start()]);
    }
    return found;
  }

  private static String java(String source) {
    if (source.equals("\\h") || source.equals("\\H")) {
      return source.equals("\\h") ? "[0-9a-fA-F]" : "[^0-9a-fA-F]";
    }
    return source
        .replaceAll(
            "\\[:(\\^?)(alpha|digit|alnum|upper|lower|space|punct|cntrl|graph|print):]",
            "\\\\p{$1$2}")
        .replaceAll("\\\\p\\{\\^", "\\\\P{")
        .replaceAll(
            "\\\\([pP])\\{(Han|Hiragana|Katakana|Hangul|Latin|Cyrillic|Greek|Arabic)}",
            "\\\\$1{Is$2}")
        .replace("\\h", "0-9a-fA-F")
        .replace("\\H", "\\x{0}-/:-@G-`g-\\x{10FFFF}");
  }
}
