package io.calm.checkpoint.tokenizer;

import java.util.List;
import java.util.Random;

/** Random strings of everything that tokenizers stumble over; the same for the same seed. */
final class RandomTexts {
  private static final List<String> WORDS =
      List.of(
          "the",
          "don't",
          "I'LL",
          "we've",
          "camelCase",
          "snake_case",
          "1234567",
          "3.14",
          "x²",
          "½",
          "٣٤٥",
          "naïve",
          "Ünï",
          "日本語",
          "テキスト",
          "한국어",
          "Привет",
          "مرحبا",
          "नमस्ते",
          "ไทย",
          "👩‍👩‍👧",
          "🇫🇷",
          "😀",
          "a\u0301",
          "e\u0308\u0323",
          "\u1E9B\u0323",
          "ﬁ",
          "\u212B",
          "<|im_start|>",
          "<|im_end|>",
          "<|endoftext|>",
          "<|im_start",
          "|>",
          "<s>",
          "</s>",
          "<0x0A>",
          "▁",
          "Ġ",
          "Ċ",
          "://",
          "!!!",
          "...",
          "\"\\",
          "{%",
          "aaaa",
          "\uFFFD",
          "\u200B",
          "\u200D",
          "\uFEFF");
  private static final String SPACES =
      "    \t\n\r\u000B\f\u0085\u00A0\u1680\u2003\u2009\u2028\u2029\u202F\u205F\u3000";
  private static final String CONTROLS = "\u0000\u0001\u0004\u0007\u001B\u001F\u007F\u0080\u009F";

  private final Random random;

  RandomTexts(long seed) {
    this.random = new Random(seed);
  }

  String next() {
    StringBuilder text = new StringBuilder();
    for (int parts = random.nextInt(12); parts > 0; parts--) {
      switch (random.nextInt(7)) {
        case 0, 1 -> text.append(WORDS.get(random.nextInt(WORDS.size())));
        case 2 -> text.append((char) (' ' + random.nextInt(95)));
        case 3 -> repeat(text, SPACES.charAt(random.nextInt(SPACES.length())));
        case 4 -> text.append(CONTROLS.charAt(random.nextInt(CONTROLS.length())));
        case 5 -> text.append(' ').append(WORDS.get(random.nextInt(WORDS.size())));
        default -> text.appendCodePoint(assigned());
      }
    }
    return text.toString();
  }

  private void repeat(StringBuilder text, char c) {
    text.append(String.valueOf(c).repeat(1 + random.nextInt(4)));
  }

  /** Returns any character that has been assigned for long, so that all Unicode tables agree. */
  private int assigned() {
    int[][] ranges = {
      {0xA1, 0x17F}, {0x391, 0x3A1}, {0x410, 0x44F}, {0x905, 0x939}, {0x4E00, 0x9FA5},
      {0xAC00, 0xD7A3}, {0x2190, 0x21FF}, {0x2460, 0x249B}, {0x1F600, 0x1F64F}, {0x1D400, 0x1D454}
    };
    int[] range = ranges[random.nextInt(ranges.length)];
    return range[0] + random.nextInt(range[1] - range[0] + 1);
  }
}
