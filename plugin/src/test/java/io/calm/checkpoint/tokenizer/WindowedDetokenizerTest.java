package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.Tokenizer.IncrementalDecoder;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Decoders that only the library knows. */
class WindowedDetokenizerTest {
  private static final String METASPACE =
      """
      {"type": "Sequence", "decoders": [{"type": "ByteFallback"},
        {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always",
         "split": true}]}""";
  private static final List<String> TOKENS =
      List.of(
          "ab",
          "\u2581ab",
          "\uFFFD",
          "\u2581Paris",
          "Paris",
          "##s",
          "go</w>",
          "\u65E5",
          "<0xE6>",
          "<0x97>",
          "<0xA5>",
          "<0x41>");
  private static final int REPLACEMENT = 2;

  @TempDir private Path directory;

  private Tokenizer open(String decoder) throws IOException {
    JsonObject vocabulary = new JsonObject();
    TOKENS.forEach(token -> vocabulary.addProperty(token, TOKENS.indexOf(token)));
    Files.writeString(
        directory.resolve("tokenizer.json"),
        """
        {"version": "1.0", "truncation": null, "padding": null, "normalizer": null,
         "pre_tokenizer": null, "post_processor": null, "decoder": %s,
         "added_tokens": [{"id": %d, "content": "</s>", "single_word": false, "lstrip": false,
           "rstrip": false, "normalized": false, "special": true}],
         "model": {"type": "BPE", "merges": [], "vocab": %s}}
        """
            .formatted(decoder, TOKENS.size(), vocabulary));
    return TokenizerLoader.fromDirectory(directory);
  }

  @Test
  void aCharacterThatIsTheReplacementStreams() throws IOException {
    try (Tokenizer tokenizer = open(METASPACE)) {
      int[] ids = new int[2000];
      Arrays.fill(ids, REPLACEMENT);
      IncrementalDecoder decoder = tokenizer.newIncrementalDecoder(true);
      int length = 0;
      for (int i = 0; i < ids.length; i++) {
        length += decoder.add(ids[i]).length();
        assertTrue(length >= i - 4, "after " + (i + 1) + " tokens: " + length);
      }
      length += decoder.flush().length();
      assertEquals(tokenizer.decode(ids, true).length(), length);
    }
  }

  @Test
  void incompleteBytesStreamAndTheTextBehindThemIsWhole() throws IOException {
    try (Tokenizer tokenizer = open(METASPACE)) {
      int[] ids = new int[200];
      Arrays.fill(ids, TOKENS.indexOf("<0x97>"));
      IncrementalDecoder decoder = tokenizer.newIncrementalDecoder(true);
      StringBuilder text = new StringBuilder();
      for (int id : ids) {
        text.append(decoder.add(id));
      }
      assertEquals(197, text.length());
      text.append(decoder.add(TOKENS.indexOf("\u2581Paris"))).append(decoder.flush());
      assertEquals("\uFFFD".repeat(200) + " Paris", text.toString());
    }
  }

  @Test
  void aStreamIsTheTextOfTheLibrary() throws IOException {
    long seed = Seeds.next();
    Random random = new Random(seed);
    int[] whole = {0, 1, 2, 3, 4, 7};
    try (Tokenizer tokenizer = open(METASPACE)) {
      for (int round = 0; round < 300; round++) {
        int[] ids = random.ints(random.nextInt(40), 0, whole.length).map(i -> whole[i]).toArray();
        ContinuedTexts.requireWhole(tokenizer, ids, true, "seed " + seed);
      }
    }
  }

  /** A text that was decoded with replacement may end so. */
  @Test
  void theTextAfterAReplacementDoesNotRepeatIt() throws IOException {
    try (Tokenizer tokenizer = open(METASPACE)) {
      int ab = tokenizer.id("ab").orElseThrow();
      int end = TOKENS.size();
      for (int[] before : new int[][] {{REPLACEMENT}, {ab, REPLACEMENT, end, REPLACEMENT, end}}) {
        IncrementalDecoder decoder = tokenizer.newIncrementalDecoder(before, true);
        assertEquals("ab", decoder.add(ab) + decoder.flush());
        assertEquals("", tokenizer.newIncrementalDecoder(before, true).flush());
      }
      int[] inside = {ab, TOKENS.indexOf("<0xE6>"), TOKENS.indexOf("<0x97>")};
      IncrementalDecoder decoder = tokenizer.newIncrementalDecoder(inside, true);
      assertEquals("\u65E5", decoder.add(TOKENS.indexOf("<0xA5>")) + decoder.flush());
      inside[2] = TOKENS.indexOf("<0xA5>");
      inside[1] = TOKENS.indexOf("<0xA5>");
      decoder = tokenizer.newIncrementalDecoder(inside, true);
      assertEquals("ab", decoder.add(ab) + decoder.flush(), "bytes that begin no character");
    }
  }

  /** The space of a token belongs to the text before it, also if that ends in bytes. */
  @Test
  void aPromptMayEndInBytesOfACharacter() throws IOException {
    try (Tokenizer tokenizer = open(METASPACE)) {
      ContinuedTexts.requireWhole(tokenizer, new int[] {0, 8, 9, 10, 3, 11, 1}, true, "bytes");
    }
  }

  @Test
  void aPromptMayEndInsideALongRunOfBytes() throws IOException {
    try (Tokenizer tokenizer = open(METASPACE)) {
      int[] ids = new int[60];
      Arrays.setAll(ids, i -> TOKENS.indexOf("<0xE6>") + i % 3);
      ContinuedTexts.requireWhole(tokenizer, ids, true, "20 characters");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "METASPACE | \u2581Paris | ` Paris`",
        "METASPACE | Paris | Paris",
        "METASPACE | \u2581ab | ` ab`",
        "METASPACE | ab | ab",
        "METASPACE | <0x41> | A",
        "METASPACE | </s> | </s>",
        "null | Paris | ` Paris`",
        "null | <0x41> | ` <0x41>`",
        "null | </s> | </s>",
        "{\"type\": \"BPEDecoder\", \"suffix\": \"</w>\"} | go</w> | `go `",
        "{\"type\": \"BPEDecoder\", \"suffix\": \"</w>\"} | Paris | Paris",
        "{\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true} | ##s | s",
        "{\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true} | Paris | ` Paris`",
      })
  void aTokenHasTheBytesThatItAddsInsideAText(String decoder, String token, String expected)
      throws IOException {
    try (Tokenizer tokenizer = open(decoder.equals("METASPACE") ? METASPACE : decoder)) {
      int id = tokenizer.id(token).orElseThrow();
      assertEquals(expected, new String(tokenizer.bytes(id), StandardCharsets.UTF_8));
    }
  }

  @Test
  void aByteTokenHasItsByte() throws IOException {
    try (Tokenizer tokenizer = open(METASPACE)) {
      assertArrayEquals(new byte[] {(byte) 0xE6}, tokenizer.bytes(TOKENS.indexOf("<0xE6>")));
    }
  }
}
