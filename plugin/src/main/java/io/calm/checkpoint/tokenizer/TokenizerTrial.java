package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.Tokenizer;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Compares a tokenizer with the one that GGUF metadata describes, on texts. */
final class TokenizerTrial {
  private static final int WORDS = 2000;
  private static final int WORDS_PER_TEXT = 50;
  private static final int SPECIALS = 64;

  private static final List<String> TEXTS =
      List.of(
          "",
          " ",
          "a",
          "Hello, world! It's 10:45 on 2024-03-07, isn't it? They'll say I'VE won.",
          "  two  spaces\n\n\nlines\r\n\ttabs\t\tand trailing   ",
          "def f(x):\n    return x**2 + 3.14159e-10  # 1234567890 %$&@\n",
          "caf\u00e9 cafe\u0301 \u00df\u00c5 na\u00efve \u4f60\u597d\uff0c\u4e16\u754c"
              + " \u041f\u0440\u0438\u0432\u0435\u0442 \u0645\u0631\u062d\u0628\u0627",
          "\ud83d\ude00\ud83d\udc69\u200d\ud83d\udcbb \u00bd \u2460 \u0663 \u216b x\u00b2",
          "{\"key\": [1, 22, 333, 4444, 55555], \"e\": \"\\u00e9\"} <b>bold</b> a_b-c/d\\e",
          "\u2581under \u0120bar <0x0A> </s");

  private TokenizerTrial() {}

  /**
   * Encodes texts with both.
   *
   * @param source the file of the tokenizer, for error messages
   * @param metadata the metadata of its conversion
   * @throws CheckpointException if a text differs
   */
  static void require(
      String source, Tokenizer tokenizer, Map<String, Object> metadata, Vocabulary vocabulary) {
    try (Tokenizer converted = TokenizerLoader.fromGguf(metadata)) {
      for (String text : texts(tokenizer, vocabulary)) {
        int[] expected = tokenizer.encode(text, true);
        int[] got = converted.encode(text, true);
        if (!Arrays.equals(expected, got)) {
          throw CheckpointException.refused(
              source,
              "a tokenizer that GGUF can express",
              "the tokens %s for \"%s\", of which GGUF makes %s"
                  .formatted(
                      Printable.of(Arrays.toString(expected)),
                      Printable.of(text),
                      Printable.of(Arrays.toString(got))),
              "export with --format safetensors");
        }
      }
    }
  }

  /** Returns fixed texts, words of the vocabulary, and added tokens between words. */
  private static List<String> texts(Tokenizer tokenizer, Vocabulary vocabulary) {
    List<String> texts = new ArrayList<>(TEXTS);
    StringBuilder words = new StringBuilder();
    int stride = Math.max(1, vocabulary.size() / WORDS);
    for (int id = 0, count = 0; id < vocabulary.size(); id += stride, count++) {
      if (!vocabulary.isAdded(id)) {
        words.append(tokenizer.decode(new int[] {id}, false)).append(count % 3 == 0 ? " " : "");
      }
      if (count % WORDS_PER_TEXT == WORDS_PER_TEXT - 1) {
        texts.add(words.toString());
        words.setLength(0);
      }
    }
    texts.add(words.toString());
    vocabulary.added().stream()
        .limit(SPECIALS)
        .mapToObj(vocabulary::token)
        .forEach(token -> texts.add("one " + token + " two" + token + "three\n" + token));
    return texts;
  }
}
