package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The input of a tokenizer probe.
 *
 * @param json a checked {@code tokenizer.json}
 * @param size maximum token id plus one
 * @param texts texts to encode
 */
record ProbeInput(String json, int size, List<String> texts) {
  private static final String CHARACTERS =
      "aAzZ0 \n\r\t.,'-_/!\u00E9\u65E5\uD55C\u0301\u200D\u2581";
  private static final int EXPRESSION_CHARACTERS = 48;
  private static final int ADDED_TOKENS = 256;
  private static final int LONG = 5000;

  /**
   * Creates the input for a tokenizer: texts that exercise each of its parts, and long ones that
   * stall a slow regular expression.
   */
  static ProbeInput of(CheckedTokenizer tokenizer) {
    List<String> texts = new ArrayList<>();
    texts.add("");
    texts.add(" ");
    texts.add(
        "Hello, world! It's 3.14 \u00E9\u0301 \uD83D\uDE00\u200D\uD83D\uDE00 \u65E5\u672C\r\n\n");
    texts.add(range(0, 0x180, 1));
    texts.add(range(0x180, 0xFFF0, 5));
    texts.add(range(0x10000, 0x2FFF0, 41));
    addTokens(tokenizer, texts);
    addRepetitions(tokenizer.expressions(), texts);
    int size = 1 + tokenizer.tokens().keySet().stream().mapToInt(Integer::intValue).max().orElse(0);
    return new ProbeInput(tokenizer.json(), size, texts);
  }

  private static String range(int from, int to, int step) {
    StringBuilder text = new StringBuilder();
    for (int c = from; c < to; c += step) {
      if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
        text.appendCodePoint(c);
      }
    }
    return text.toString();
  }

  private static void addTokens(CheckedTokenizer tokenizer, List<String> texts) {
    StringBuilder all = new StringBuilder();
    StringBuilder spaced = new StringBuilder();
    tokenizer.added().stream()
        .limit(ADDED_TOKENS)
        .mapToObj(id -> tokenizer.tokens().getOrDefault(id, ""))
        .forEach(
            token -> {
              all.append(token);
              spaced.append("  ").append(token).append("  ");
              texts.add("a" + token + "a " + token + "  " + token + "\n");
            });
    texts.add(all.toString());
    texts.add(spaced.toString());
  }

  private static void addRepetitions(List<String> expressions, List<String> texts) {
    Set<String> units = new LinkedHashSet<>();
    CHARACTERS.codePoints().forEach(c -> units.add(Character.toString(c)));
    for (String expression : expressions) {
      expression
          .codePoints()
          .limit(EXPRESSION_CHARACTERS)
          .forEach(c -> units.add(Character.toString(c)));
    }
    units.add("ab");
    units.add("a ");
    for (String unit : units) {
      for (String end : List.of("", "!", "\u0001")) {
        texts.add(unit.repeat(40) + end);
        texts.add(unit.repeat(LONG) + end);
      }
    }
  }

  void write(DataOutputStream out) throws IOException {
    writeText(out, json);
    out.writeInt(size);
    out.writeInt(texts.size());
    for (String text : texts) {
      writeText(out, text);
    }
    out.flush();
  }

  static ProbeInput read(DataInputStream in) throws IOException {
    String json = readText(in);
    int size = in.readInt();
    List<String> texts = new ArrayList<>();
    for (int left = in.readInt(); left > 0; left--) {
      texts.add(readText(in));
    }
    return new ProbeInput(json, size, texts);
  }

  private static void writeText(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  private static String readText(DataInputStream in) throws IOException {
    return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
  }
}
