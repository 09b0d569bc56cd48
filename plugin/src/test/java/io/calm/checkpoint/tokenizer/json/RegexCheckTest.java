package io.calm.checkpoint.tokenizer.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Expressions of public tokenizers pass; those that a text can stall do not. */
class RegexCheckTest {
  private static final String UPPER = "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}";
  private static final String LOWER = "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}";
  private static final String ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

  /** GPT-2, LLaMA 3, Qwen2, o200k, DeepSeek, cl100k, BLOOM, SuperBPE, Kimi and others. */
  private static final List<String> PUBLIC =
      List.of(
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          ENDINGS
              + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
              + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
          ENDINGS
              + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
              + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
          "[^\\r\\n\\p{L}\\p{N}]?["
              + UPPER
              + "]*["
              + LOWER
              + "]+"
              + ENDINGS
              + "?|[^\\r\\n\\p{L}\\p{N}]?["
              + UPPER
              + "]+["
              + LOWER
              + "]*"
              + ENDINGS
              + "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
          "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"
              + "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
          "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}"
              + "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
          "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+"
              + "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
          " ?[^(\\s|[.,!?…。，、।۔،])]+",
          "(?=(\\d{3})+(?!\\d))",
          "\\p{N}{1,3}(?=(?:\\p{N}{3})*(?:\\P{N}|$))",
          "[\\p{Han}]+|[" + UPPER + "&&[^\\p{Han}]]*[" + LOWER + "&&[^\\p{Han}]]+(?i:'s|'t)?",
          "[一-龥ࠀ-一가-퟿]+",
          "\\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+",
          "[0-9][0-9][0-9]",
          "\\p{N}+",
          " {2,}",
          "[\\r\\n]",
          "(?i)abc|d",
          "[[:punct:]]+",
          "(?<word>\\w+)@\\w+x",
          "(?:[A-Z][a-z]*)+$",
          "(?:\\r?\\n)+x",
          "(?:x*[yw])+",
          "(?:[A-Z]?+[a-z]*|\\d+)+",
          "(?:x+y){1,3}z",
          "x+(?=y*z)",
          "x+y(?=.*z)",
          "x++(?=.*z)",
          "\\s+{L}+|a{|a{,}b|a+{,3}");

  private static final List<String> SLOW =
      List.of(
          "(a|a)*$",
          "(a|aa)+$",
          "(a+)+$",
          "(a*)*b",
          "((a|a)*)+b",
          "(?:a?){30}a{30}",
          "(.*)*x",
          "(\\w+\\s?)*$",
          "(?:\\w|\\d)+!",
          "\\s*\\s*x",
          "a*a*a*a*b",
          ".*.*=.*",
          "(a|b|ab)*c",
          "([a-z]+)*\\d",
          "^(\\d+)*$",
          "(?=(a+)+$)",
          "(?!(a|a)*$)",
          "(?<=x)(a|a)*$",
          "(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)b",
          "(x+x+)+y",
          "(?i:(A|a)*)$",
          "a{0,1000}a{0,1000}a{0,1000}b",
          "(?:x.*[yw]q|x)+",
          "(?:x(?=.*[yw]))+",
          "(?:x(?!.*[yw]))*",
          "(?:x(?:.*[yw])?)+",
          "(?:(?>x*)[yw]|x)+",
          "(?:(?>x*[yw]|x))+",
          "(?:(?:x*[yw])+|x)+",
          "(?:(?:x+){16}|x)+",
          "x+(?=.*[yw])",
          "x+(?:(?!.*y)z|w)",
          "(?:x|z)+(?>x*)[yw]",
          "(?:x+){5}y",
          "(?:(?:x|z){1000}y|x)+",
          "\\h*\\h*x",
          "\\H*\\H*a",
          "[\\H]* *x",
          "\u4F60*\u4F60*x",
          "[a\u4F60]*[b\u4F60]*x",
          "[a\\u4F60]*[b\\x{4F60}]*x",
          "[y\\u4F60ab]*[z\\u4F60cd]*x",
          "[\u4F60-\u597D]*[\u5200-\u9000]*x",
          "(?i:\u4F60*\\x{4f60}*x)",
          "(?i:\uA722*\uA723*x)",
          "(?:(?:x|z){15}y|x)+");

  private static final List<String> NOT_UNDERSTOOD =
      List.of(
          "(",
          ")",
          "[",
          "[]",
          "a)",
          "*",
          "+a",
          "?",
          "\\",
          "\\1",
          "(a)\\k<a>",
          "(?R)",
          "\\g<0>",
          "(?(1)a|b)",
          "(?~a)",
          "(*FAIL)",
          "(?{x})",
          "(?#a)",
          "(?x:a)",
          "\\xFF",
          "\\x{",
          "\\uD800",
          "\\p",
          "\\pL",
          "a{2000}",
          "a{3,2}",
          "\\K",
          "\\X",
          "(?<n",
          "[[:alpha:]");

  @Test
  void expressionsOfPublicTokenizersPass() {
    for (String regex : PUBLIC) {
      RegexCheck.check(regex, "test");
    }
  }

  @Test
  void whatATextCouldStallIsRefused() {
    for (String regex : SLOW) {
      CheckpointException refused =
          assertThrows(CheckpointException.class, () -> RegexCheck.check(regex, "a.b"), regex);
      assertTrue(String.valueOf(refused.getMessage()).startsWith("a.b: expected"), regex);
    }
  }

  /** Each iteration may fail in all alternatives but the last. */
  @Test
  void loopsOverManyAlternativesAreRefused() {
    String few = "xa|".repeat(31) + "x";
    RegexCheck.check("(?:" + few + ")+", "test");
    RegexCheck.check("xa|" + few, "test");
    assertThrows(CheckpointException.class, () -> RegexCheck.check("(?:xa|" + few + ")+", "test"));
  }

  @Test
  void whatIsNotUnderstoodIsRefused() {
    for (String regex : NOT_UNDERSTOOD) {
      assertThrows(CheckpointException.class, () -> RegexCheck.check(regex, "a.b"), regex);
    }
    assertThrows(
        CheckpointException.class, () -> RegexCheck.check("(".repeat(2000), "deeply nested"));
    assertThrows(
        CheckpointException.class, () -> RegexCheck.check("[".repeat(2000), "deeply nested"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a*", "^", "$", "\\b", "(?=a)", "a|", "(a|b?)", "(?>a*)", "a{0,3}"})
  void whatMatchesTheEmptyStringIsKnown(String regex) {
    assertEquals(0, RegexCheck.check(regex, "test").shortest());
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "[a]", "a+", "ab?", "a|bc", "(?i:x)", "a{1,3}", "\\s"})
  void theShortestMatchIsCounted(String regex) {
    assertEquals(1, RegexCheck.check(regex, "test").shortest());
  }
}
