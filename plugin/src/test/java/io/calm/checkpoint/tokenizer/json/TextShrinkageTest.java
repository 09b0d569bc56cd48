package io.calm.checkpoint.tokenizer.json;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Bounds on how much text one token can stand for. */
class TextShrinkageTest {
  private static final int NONE = 0;
  private static final String BYTE_LEVEL =
      "{'type': 'ByteLevel', 'add_prefix_space': false, 'trim_offsets': true, 'use_regex': true}";

  private static List<String> byteAlphabet() {
    List<String> alphabet = new ArrayList<>();
    for (char c = '!'; c < 0x144; c++) {
      if (c <= '~' || (c > 0xA0 && c != 0xAD)) {
        alphabet.add(String.valueOf(c));
      }
    }
    assertEquals(256, alphabet.size());
    return alphabet;
  }

  private static List<String> bytes() {
    List<String> bytes = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      bytes.add("<0x%02X>".formatted(b));
    }
    return bytes;
  }

  private static int shrinkage(String normalizer, String preTokenizer, String model, String added) {
    return CheckedTokenizer.of(
            ("{'version': '1.0', 'normalizer': %s, 'pre_tokenizer': %s, 'added_tokens': [%s],"
                    + " 'model': {%s}}")
                .formatted(normalizer, preTokenizer, added, model)
                .replace('\'', '"'),
            "tokenizer.json")
        .shrinkage()
        .orElse(NONE);
  }

  /** Returns a model's fields with these tokens as its vocabulary. */
  private static String bpe(List<String> tokens, String settings) {
    StringBuilder vocabulary = new StringBuilder();
    for (int i = 0; i < tokens.size(); i++) {
      String token = tokens.get(i).replace("\\", "\\\\").replace("'", "\\u0027");
      vocabulary
          .append(i == 0 ? "" : ",")
          .append("'")
          .append(token.replace("\"", "\\u0022"))
          .append("':")
          .append(i);
    }
    return "'type': 'BPE', 'vocab': {%s}, 'merges': []%s".formatted(vocabulary, settings);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "null | 1",
        "{'type': 'Lowercase'} | 1",
        "{'type': 'Prepend', 'prepend': '_'} | 1",
        "{'type': 'NFD'} | 2",
        "{'type': 'NFC'} | 8",
        "{'type': 'NFKC'} | 8",
        "{'type': 'Replace', 'pattern': {'String': ' '}, 'content': '_'} | 1",
        "{'type': 'Replace', 'pattern': {'String': 'abc'}, 'content': 'xy'} | 2",
        "{'type': 'Replace', 'pattern': {'String': 'abc'}, 'content': ''} | 0",
        "{'type': 'Replace', 'pattern': {'Regex': ' +'}, 'content': ' '} | 0",
        "{'type': 'Strip', 'strip_left': true, 'strip_right': false} | 0",
        "{'type': 'StripAccents'} | 0",
        "{'type': 'Nmt'} | 0",
        "{'type': 'Sequence', 'normalizers': [{'type': 'NFD'}, {'type': 'StripAccents'}]} | 0",
        "{'type': 'Sequence', 'normalizers': [{'type': 'NFD'}, {'type': 'Lowercase'}]} | 2",
      })
  void ofANormalizer(String normalizer, int expected) {
    assertEquals(expected, shrinkage(normalizer, BYTE_LEVEL, bpe(byteAlphabet(), ""), ""));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'type': 'Metaspace', 'replacement': '_'} | 1",
        "{'type': 'Digits', 'individual_digits': true} | 1",
        "{'type': 'Split', 'pattern': {'String': ' '}, 'behavior': 'Isolated', 'invert': false} | 1",
        "{'type': 'Split', 'pattern': {'String': ' '}, 'behavior': 'Removed', 'invert': false} | 0",
        "{'type': 'Punctuation'} | 1",
        "{'type': 'Whitespace'} | 0",
        "{'type': 'WhitespaceSplit'} | 0",
        "{'type': 'BertPreTokenizer'} | 0",
        "{'type': 'CharDelimiterSplit', 'delimiter': ' '} | 0",
        "{'type': 'Sequence', 'pretokenizers': [{'type': 'Punctuation'}, {'type': 'Whitespace'}]} | 0",
      })
  void ofAPreTokenizer(String preTokenizer, int expected) {
    String model = bpe(List.of("a", "b"), ", 'unk_token': 'b'");
    assertEquals(expected, shrinkage("null", preTokenizer, model, ""));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "`` | 0",
        ", 'unk_token': 'a' | 1",
        ", 'unk_token': 'a', 'fuse_unk': true | 0",
        ", 'byte_fallback': true | 0",
      })
  void ofABpeModelWithoutBytes(String settings, int expected) {
    assertEquals(expected, shrinkage("null", "null", bpe(List.of("a"), settings), ""));
  }

  @ParameterizedTest
  @CsvSource({"256, 1", "255, 0"})
  void ofByteFallback(int tokens, int expected) {
    String model = bpe(bytes().subList(0, tokens), ", 'byte_fallback': true, 'fuse_unk': true");
    assertEquals(expected, shrinkage("null", "null", model, ""));
  }

  @ParameterizedTest
  @CsvSource({"256, 1", "255, 0"})
  void ofAByteLevel(int tokens, int expected) {
    String model = bpe(byteAlphabet().subList(0, tokens), "");
    assertEquals(expected, shrinkage("null", BYTE_LEVEL, model, ""));
  }

  @ParameterizedTest
  @CsvSource({"false, false, 1", "true, false, 0", "false, true, 0"})
  void ofAddedTokens(boolean left, boolean right, int expected) {
    String added =
        ("{'id': 256, 'content': '[x]', 'single_word': false, 'lstrip': %s, 'rstrip': %s,"
                + " 'normalized': false, 'special': true}")
            .formatted(left, right);
    assertEquals(expected, shrinkage("null", BYTE_LEVEL, bpe(byteAlphabet(), ""), added));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'type': 'WordLevel', 'vocab': {'a': 0}, 'unk_token': 'a'",
        "'type': 'WordPiece', 'vocab': {'a': 0}, 'unk_token': 'a', 'continuing_subword_prefix': '##', 'max_input_chars_per_word': 100",
        "'type': 'Unigram', 'vocab': [['a', 0.5]], 'unk_id': 0",
      },
      quoteCharacter = '`')
  void anUnknownWordIsOneToken(String model) {
    assertEquals(NONE, shrinkage("null", "null", model, ""));
  }
}
