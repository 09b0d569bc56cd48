package io.calm.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PrintableTest {

  @ParameterizedTest
  @ValueSource(strings = {"", "plain", "Größe 漢字 😀", "back\\slash 'quote'"})
  void printableTextIsKept(String text) {
    assertEquals(text, Printable.of(text));
  }

  @ParameterizedTest
  @CsvSource({
    "10, \\n",
    "13, \\r",
    "9, \\t",
    "0, \\u0000",
    "27, \\u001b",
    "127, \\u007f",
    "133, \\u0085",
    "8232, \\u2028",
    "8238, \\u202e",
    "65279, \\ufeff",
    "917505, \\udb40\\udc01",
    "55296, \\ud800",
  })
  void charactersThatSteerATerminalAreEscaped(int c, String escaped) {
    assertEquals(
        "a" + escaped + "b", Printable.of("a" + new StringBuilder().appendCodePoint(c) + "b"));
  }

  @Test
  void aLongTextIsCutAndItsLengthIsTold() {
    assertEquals("x".repeat(200), Printable.of("x".repeat(200)));
    assertEquals("x".repeat(200) + "... (201 characters)", Printable.of("x".repeat(201)));
    assertEquals(
        "x".repeat(199) + "... (1000201 characters)",
        Printable.of("x".repeat(199) + "😀" + "x".repeat(1_000_000)));
  }

  @Test
  void otherValuesAreShownByTheirStrings() {
    assertEquals("null", Printable.of(null));
    assertEquals("1.5", Printable.of(1.5));
  }
}
