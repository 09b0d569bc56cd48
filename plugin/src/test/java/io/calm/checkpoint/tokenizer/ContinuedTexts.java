package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.Tokenizer.IncrementalDecoder;
import java.util.Arrays;

/** The property of a text in two parts: together they are the text of all tokens. */
final class ContinuedTexts {
  private ContinuedTexts() {}

  /** Divides a sequence everywhere, also inside characters. */
  static void requireWhole(Tokenizer tokenizer, int[] ids, boolean skipSpecial, String message) {
    String whole = tokenizer.decode(ids, skipSpecial);
    for (int cut = 0; cut <= ids.length; cut++) {
      int[] before = Arrays.copyOf(ids, cut);
      String start = closedText(tokenizer, before, skipSpecial);
      IncrementalDecoder decoder = tokenizer.newIncrementalDecoder(before, skipSpecial);
      String rest = text(decoder, Arrays.copyOfRange(ids, cut, ids.length)) + decoder.flush();
      int at = cut;
      assertEquals(
          whole, start + rest, () -> message + ", divided at " + at + ": " + Arrays.toString(ids));
    }
  }

  /** Returns a text without the start of a character at its end. */
  private static String closedText(Tokenizer tokenizer, int[] ids, boolean skipSpecial) {
    IncrementalDecoder decoder = tokenizer.newIncrementalDecoder(skipSpecial);
    String all = text(decoder, ids) + decoder.flush();
    String open = tokenizer.newIncrementalDecoder(ids, skipSpecial).flush();
    assertEquals(open, all.substring(all.length() - open.length()));
    return all.substring(0, all.length() - open.length());
  }

  private static String text(IncrementalDecoder decoder, int[] ids) {
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.add(id));
    }
    return text.toString();
  }
}
