package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Utf8StreamTest {

  /** Unicode 15, tables 3-8 to 3-11, and sequences that end early. */
  @ParameterizedTest
  @CsvSource({
    "C0 AF E0 80 BF F0 81 82 41, ????????A",
    "ED A0 80 ED BF BF ED AF 41, ????????A",
    "F4 91 92 93 FF 41 80 BF 42, ?????A??B",
    "E1 80 E2 F0 91 92 F1 BF 41, ????A",
    "61 F1 80 80 E1 80 C2 62 80 63 80 BF 64, a???b?c??d",
    "F0 9F 98, ?",
    "C3, ?",
    "C3 C3 41, ??A",
    "E2 82, ?"
  })
  void oneReplacementForEachMaximalSubpart(String hex, String expected) {
    StringBuilder out = new StringBuilder();
    Utf8Stream stream = new Utf8Stream();
    for (String b : hex.split(" ", -1)) {
      stream.accept((byte) Integer.parseInt(b, 16), out);
    }
    stream.flush(out);
    assertEquals(expected.replace('?', '\uFFFD'), out.toString());
  }

  @Test
  void everyCharacterComesOutWithItsLastByte() {
    for (int c = 0; c <= Character.MAX_CODE_POINT; c += c < 0x3000 ? 1 : 97) {
      if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
        continue;
      }
      byte[] bytes = Character.toString(c).getBytes(StandardCharsets.UTF_8);
      StringBuilder out = new StringBuilder();
      Utf8Stream stream = new Utf8Stream();
      for (int i = 0; i < bytes.length; i++) {
        assertEquals(0, out.length());
        stream.accept(bytes[i], out);
      }
      assertEquals(Character.toString(c), out.toString());
    }
  }
}
