package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.TokenizerClosedException;
import io.calm.testing.Seeds;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DirectoryTokenizerTest {
  private static final String LLAMA =
      """
      {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
        {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}\
      """;
  private static final String METASPACE =
      """
      {"type": "Metaspace", "replacement": "\u0120", "prepend_scheme": "always", "split": true}\
      """;
  private static final String WORD_PIECE =
      """
      {"type": "WordPiece", "prefix": "##", "cleanup": true}\
      """;

  @TempDir private Path directory;

  @Test
  void textSurvivesEncodingAndDecoding() {
    long seed = Seeds.next();
    RandomTexts texts = new RandomTexts(seed);
    try (Tokenizer tokenizer = TokenizerLoader.fromDirectory(TinyVocabulary.DIRECTORY)) {
      for (int i = 0; i < 2_000; i++) {
        String text = texts.next();
        String back = tokenizer.decode(tokenizer.encode(text, false), false);
        assertEquals(text, back, () -> "seed " + seed + " " + BytePairGgufTest.escape(text));
      }
    }
  }

  @Test
  void theBytesOfTheTokensMakeTheText() {
    long seed = Seeds.next();
    RandomTexts texts = new RandomTexts(seed);
    try (Tokenizer tokenizer = TokenizerLoader.fromDirectory(TinyVocabulary.DIRECTORY)) {
      for (int i = 0; i < 500; i++) {
        String text = texts.next();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int id : tokenizer.encode(text, false)) {
          bytes.writeBytes(tokenizer.bytes(id));
        }
        assertEquals(text, bytes.toString(StandardCharsets.UTF_8), () -> "seed " + seed);
      }
      assertEquals(0, tokenizer.bytes(tokenizer.size() + 1).length, "no token has this id");
    }
  }

  @Test
  void aMissingFileIsNamedWithoutAClass() throws IOException {
    CheckpointException missing =
        assertThrows(CheckpointException.class, () -> TokenizerLoader.fromDirectory(directory));
    assertEquals(
        directory.resolve("tokenizer.json")
            + ": there is no such file; copy it from the model's source, or save it with"
            + " tokenizer.save_pretrained beside the weights",
        missing.getMessage());
    Files.write(directory.resolve("tokenizer.json"), new byte[] {'"', (byte) 0xff, '"'});
    CheckpointException bytes =
        assertThrows(CheckpointException.class, () -> TokenizerLoader.fromDirectory(directory));
    assertTrue(
        String.valueOf(bytes.getMessage())
            .contains(": expected a readable file in UTF-8, got text that is not UTF-8; copy it"),
        bytes.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"a\0b", "\0", "\uD800", "x\uDC00\uD800y", "\uD83D\0\uD83D\uDE00"})
  void nulAndLoneSurrogatesDoNotDamageTheirNeighbours(String text) {
    try (Tokenizer tokenizer = TokenizerLoader.fromDirectory(TinyVocabulary.DIRECTORY)) {
      String expected = text.replace("\uD83D\uDE00", "@").replaceAll("[\uD800-\uDFFF]", "\uFFFD");
      assertEquals(
          expected.replace("@", "\uD83D\uDE00"),
          tokenizer.decode(tokenizer.encode(text, false), false));
    }
  }

  @Test
  void everyDecoderStreamsWhatTheLibraryDecodes() throws IOException {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (String decoder : List.of("", LLAMA, METASPACE, WORD_PIECE, "null")) {
      JsonObject json = TinyVocabulary.json();
      if (!decoder.isEmpty()) {
        json.add("decoder", JsonParser.parseString(decoder));
      }
      String source = "test";
      try (NativeTokenizer library = NativeTokenizer.create(json.toString(), source);
          Tokenizer tokenizer = load(json)) {
        for (int i = 0; i < 300; i++) {
          boolean skipSpecial = random.nextBoolean();
          int[] ids = random.ints(random.nextInt(20), 0, tokenizer.size() + 2).toArray();
          String expected = library.decode(ids, skipSpecial);
          assertEquals(
              expected,
              tokenizer.decode(ids, skipSpecial),
              () -> "seed " + seed + ", decoder " + decoder);
          assertEquals(
              expected,
              stream(tokenizer, ids, skipSpecial),
              () -> "seed " + seed + ", decoder " + decoder);
          ContinuedTexts.requireWhole(
              tokenizer, ids, skipSpecial, "seed " + seed + ", decoder " + decoder);
        }
      }
    }
  }

  @Test
  void streamedTextNeverEndsInsideACharacter() {
    try (Tokenizer tokenizer = TokenizerLoader.fromDirectory(TinyVocabulary.DIRECTORY)) {
      String text = "日本 😀👩‍👩‍👧 é";
      Tokenizer.IncrementalDecoder decoder = tokenizer.newIncrementalDecoder(true);
      StringBuilder all = new StringBuilder();
      for (int id : tokenizer.encode(text, false)) {
        String part = decoder.add(id);
        assertFalse(part.contains("\uFFFD"));
        assertTrue(part.isEmpty() || !Character.isHighSurrogate(part.charAt(part.length() - 1)));
        all.append(part);
      }
      assertEquals("", decoder.flush());
      assertEquals(text, all.toString());
    }
  }

  @Test
  void truncationAndPaddingOfTheFileAreSwitchedOff() throws IOException {
    JsonObject json = TinyVocabulary.json();
    json.add(
        "truncation",
        JsonParser.parseString(
            "{\"direction\":\"Right\",\"max_length\":4,\"strategy\":\"LongestFirst\",\"stride\":0}"));
    json.add(
        "padding",
        JsonParser.parseString(
            "{\"strategy\":{\"Fixed\":64},\"direction\":\"Right\",\"pad_to_multiple_of\":null,"
                + "\"pad_id\":0,\"pad_type_id\":0,\"pad_token\":\"<|endoftext|>\"}"));
    try (Tokenizer cut = load(json);
        Tokenizer plain = TokenizerLoader.fromDirectory(TinyVocabulary.DIRECTORY)) {
      String text = "one two three four five six";
      assertArrayEquals(plain.encode(text, true), cut.encode(text, true));
    }
  }

  @Test
  void idsOutsideTheVocabularyAreNothing() {
    try (Tokenizer tokenizer = TokenizerLoader.fromDirectory(TinyVocabulary.DIRECTORY)) {
      int[] ids = {-1, tokenizer.size(), Integer.MAX_VALUE};
      assertEquals("", tokenizer.decode(ids, false));
      assertEquals("", tokenizer.token(-1));
      assertEquals("", tokenizer.token(tokenizer.size()));
      assertFalse(tokenizer.isSpecial(-1));
      assertEquals("<|im_start|>", tokenizer.token(1));
      assertTrue(tokenizer.isSpecial(1));
    }
  }

  @Test
  void manyThreadsGetTheSameIdsAndCloseWaitsForThem()
      throws InterruptedException, ExecutionException {
    Tokenizer tokenizer = TokenizerLoader.fromDirectory(TinyVocabulary.DIRECTORY);
    String text = "The quick brown fox jumps over the lazy dog. 0123456789 ".repeat(20);
    int[] expected = tokenizer.encode(text, false);
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      List<Future<?>> results = new ArrayList<>();
      for (int thread = 0; thread < 4; thread++) {
        results.add(
            pool.submit(
                () -> {
                  for (int i = 0; i < 50; i++) {
                    assertArrayEquals(expected, tokenizer.encode(text, false));
                  }
                }));
      }
      for (Future<?> result : results) {
        result.get();
      }
      Future<?> late = pool.submit(() -> encodeUntilClosed(tokenizer, text));
      tokenizer.close();
      tokenizer.close();
      late.get();
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void aMissingOrDamagedFileIsRefusedByName() throws IOException {
    CheckpointException missing =
        assertThrows(CheckpointException.class, () -> TokenizerLoader.fromDirectory(directory));
    assertTrue(missing.getMessage().contains("tokenizer.json"));
    for (String text : List.of("", "{", "[]", "{\"model\": 3}", "{\"model\": {\"vocab\": {}}}")) {
      Files.writeString(directory.resolve("tokenizer.json"), text);
      CheckpointException damaged =
          assertThrows(
              CheckpointException.class, () -> TokenizerLoader.fromDirectory(directory), text);
      assertTrue(damaged.getMessage().contains("tokenizer.json: "), damaged.getMessage());
    }
  }

  private static void encodeUntilClosed(Tokenizer tokenizer, String text) {
    assertThrows(
        TokenizerClosedException.class,
        () -> {
          while (true) {
            assertTrue(tokenizer.encode(text, false).length > 0);
          }
        });
  }

  private Tokenizer load(JsonObject json) throws IOException {
    Files.writeString(directory.resolve("tokenizer.json"), json.toString());
    return TokenizerLoader.fromDirectory(directory);
  }

  private static String stream(Tokenizer tokenizer, int[] ids, boolean skipSpecial) {
    Tokenizer.IncrementalDecoder decoder = tokenizer.newIncrementalDecoder(skipSpecial);
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.add(id));
    }
    return text.append(decoder.flush()).toString();
  }
}
