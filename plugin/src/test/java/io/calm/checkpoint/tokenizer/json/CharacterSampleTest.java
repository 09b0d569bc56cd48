package io.calm.checkpoint.tokenizer.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sets of characters in the sample; java.util.regex is the oracle for literals. */
class CharacterSampleTest {
  private static final CharacterSample SAMPLE = CharacterSample.of("\u4F60\\x{5200}\\u9000");

  /** Oniguruma takes more characters for variants of one, e.g. both sharp s. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void literalsAreClassesOfOneCharacter(boolean ignoreCase) {
    for (int c = 0; c < 0x2500; c += c < 0x180 ? 1 : 13) {
      String code = "\\x{%x}".formatted(c);
      BitSet literal = SAMPLE.in(code, ignoreCase);
      BitSet missing = (BitSet) SAMPLE.in("[" + code + "]", ignoreCase).clone();
      assertTrue(ignoreCase || literal.equals(missing), code);
      missing.andNot(literal);
      assertTrue(missing.isEmpty(), code);
      if (c >= 0x80) {
        assertEquals(literal, SAMPLE.in(Character.toString(c), ignoreCase), code);
      } else if (!Character.isLetterOrDigit(c)) {
        assertEquals(literal, SAMPLE.in("\\" + (char) c, ignoreCase), code);
      }
    }
  }

  @Test
  void charactersThatTheExpressionNamesAreInTheSample() {
    for (String source : new String[] {"\u4F60", "\\x{4f60}", "\\u5200", "[\u9000-\u9001]"}) {
      assertEquals(1, SAMPLE.in(source, false).cardinality(), source);
      assertTrue(SAMPLE.in("\\p{Han}", false).intersects(SAMPLE.in(source, true)), source);
      assertFalse(SAMPLE.in("\\w", false).intersects(SAMPLE.in("[^\\w]", false)), source);
    }
  }
}
