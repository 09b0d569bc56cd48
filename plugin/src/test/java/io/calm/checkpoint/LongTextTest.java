package io.calm.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.testing.ByteTokenizer;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Parts of texts that are too long for a tokenizer, encoded to bytes. */
class LongTextTest {
  private final List<String> parts = new ArrayList<>();
  private final Tokenizer bytes = new ByteTokenizer();

  /** A tokenizer that notes the texts that it encodes. */
  private final Tokenizer tokenizer =
      (Tokenizer)
          Proxy.newProxyInstance(
              Tokenizer.class.getClassLoader(),
              new Class<?>[] {Tokenizer.class},
              (proxy, method, arguments) -> {
                parts.add((String) arguments[0]);
                return method.invoke(bytes, arguments);
              });

  private void encode(String text, int max, int part) {
    assertArrayEquals(bytes.encode(text, false), LongText.encode(tokenizer, text, max, part));
  }

  @Test
  void aTextWithinTheLimitIsOnePart() {
    encode("one\ntwo", 7, 4);
    assertEquals(List.of("one\ntwo"), parts);
  }

  @Test
  void partsEndBehindTheLastLineFeedThatFits() {
    encode("one\n\ntwo three\nfour", 7, 6);
    assertEquals(List.of("one\n\n", "two th", "ree\n", "four"), parts);
  }

  @Test
  void aPartDoesNotEndWithinACharacter() {
    encode("ab\ud83d\ude00\ud83d\ude00c", 6, 3);
    assertEquals(List.of("ab", "\ud83d\ude00", "\ud83d\ude00c"), parts);
  }

  @Test
  void aTextAboveTheTokenizersLimitIsEncoded() {
    String line = "x".repeat(99) + "\n";
    String text = line.repeat(Tokenizer.MAX_TEXT / 100 + 1);
    assertEquals(text.length(), LongText.encode(tokenizer, text).length);
    assertEquals(9, parts.size());
  }
}
