package io.calm.checkpoint.tokenizer.json;

import java.util.Arrays;
import java.util.BitSet;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The set of characters that a part of a regular expression matches, within a sample of Unicode. A
 * set that Java cannot parse counts as all characters, so that comparisons err on the side of
 * overlap. Not thread safe.
 */
final class CharacterSet {
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

  private static final int[] SAMPLE =
      Arrays.stream(RANGES)
          .flatMapToInt(range -> IntStream.rangeClosed(range[0], range[1]))
          .toArray();

  private final String source;
  private final boolean ignoreCase;
  private @Nullable BitSet sample;

  /**
   * Creates a set.
   *
   * @param source one class, escape or literal in Oniguruma's syntax
   */
  CharacterSet(String source, boolean ignoreCase) {
    this.source = source;
    this.ignoreCase = ignoreCase;
  }

  /** Returns the indices of the sample's characters that are in the set; not to be modified. */
  BitSet sample() {
    BitSet known = sample;
    if (known == null) {
      known = read();
      sample = known;
    }
    return known;
  }

  private BitSet read() {
    BitSet found = new BitSet(SAMPLE.length);
    Pattern pattern;
    try {
      int flags = ignoreCase ? Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE : 0;
      pattern = Pattern.compile(java(), flags | Pattern.DOTALL | Pattern.UNICODE_CHARACTER_CLASS);
    } catch (PatternSyntaxException e) {
      found.set(0, SAMPLE.length);
      return found;
    }
    for (int i = 0; i < SAMPLE.length; i++) {
      if (pattern.matcher(Character.toString(SAMPLE[i])).matches()) {
        found.set(i);
      }
    }
    return found;
  }

  private String java() {
    return source
        .replaceAll(
            "\\[:(\\^?)(alpha|digit|alnum|upper|lower|space|punct|cntrl|graph|print):]",
            "\\\\p{$1$2}")
        .replaceAll("\\\\p\\{\\^", "\\\\P{")
        .replaceAll(
            "\\\\([pP])\\{(Han|Hiragana|Katakana|Hangul|Latin|Cyrillic|Greek|Arabic)}",
            "\\\\$1{Is$2}")
        .replace("\\h", "0-9a-fA-F");
  }
}
