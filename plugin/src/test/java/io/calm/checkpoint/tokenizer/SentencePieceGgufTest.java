package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Tokenizer;
import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SentencePieceGgufTest {
  private static final String ALPHABET = "\u2581abcdé日";
  private static final int FIRST_PIECE = 3 + 256;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void idsAreThoseOfNaiveMergingByScore(boolean spacePrefix) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (int round = 0; round < 20; round++) {
      Map<String, Object> metadata = randomVocabulary(random);
      metadata.put("tokenizer.ggml.add_space_prefix", spacePrefix);
      List<String> pieces = pieces(metadata);
      NaiveSentencePiece naive = new NaiveSentencePiece(pieces, scores(metadata), spacePrefix);
      RandomTexts texts = new RandomTexts(random.nextLong());
      try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
        for (int i = 0; i < 200; i++) {
          String text = i % 4 == 0 ? withoutSpecial(texts.next()) : dense(random);
          assertEquals(
              naive.encode(text),
              Arrays.stream(tokenizer.encode(text, false)).boxed().toList(),
              () -> "seed " + seed + ", text " + BytePairGgufTest.escape(text));
          assertEquals(text, tokenizer.decode(tokenizer.encode(text, false), false));
        }
      }
    }
  }

  @Test
  void everySegmentAfterASpecialTokenStartsWithTheSpacePrefix() {
    Map<String, Object> metadata = randomVocabulary(new Random(1));
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      int[] ids = tokenizer.encode("<s>a</s>a", false);
      assertEquals(1, ids[0]);
      int[] a = tokenizer.encode("a", false);
      assertArrayEquals(a, Arrays.copyOfRange(ids, 1, 1 + a.length));
      assertEquals(2, ids[1 + a.length]);
      assertArrayEquals(a, Arrays.copyOfRange(ids, 2 + a.length, ids.length));
      assertEquals("<s> a</s> a", tokenizer.decode(ids, false));
      assertEquals("a a", tokenizer.decode(ids, true));
    }
  }

  @Test
  void bosIsAddedByDefaultAndEosIsNot() {
    Map<String, Object> metadata = randomVocabulary(new Random(2));
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      assertArrayEquals(new int[] {1}, tokenizer.encode("", true));
      assertTrue(tokenizer.isSpecial(0) && tokenizer.isSpecial(1) && tokenizer.isSpecial(2));
      assertFalse(tokenizer.isSpecial(3));
    }
  }

  @Test
  void unusedPiecesAreNeverProduced() {
    Map<String, Object> metadata = randomVocabulary(new Random(3));
    List<Object> types = new ArrayList<>((List<?>) metadata.get("tokenizer.ggml.token_type"));
    List<String> pieces = pieces(metadata);
    int unused = pieces.size() - 1;
    types.set(unused, 5L);
    metadata.put("tokenizer.ggml.token_type", types);
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      String text = pieces.get(unused).replace('\u2581', ' ');
      int[] ids = tokenizer.encode(text, false);
      assertTrue(Arrays.stream(ids).noneMatch(id -> id == unused));
      assertEquals(text, tokenizer.decode(ids, false));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aTextContinuesTheOneBeforeIt(boolean spacePrefix) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    Map<String, Object> metadata = randomVocabulary(random);
    metadata.put("tokenizer.ggml.add_space_prefix", spacePrefix);
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      for (int i = 0; i < 300; i++) {
        int[] ids =
            i % 2 == 0
                ? tokenizer.encode(dense(random) + "\uD83D\uDE00".repeat(random.nextInt(9)), true)
                : random.ints(random.nextInt(40), 0, tokenizer.size() + 2).toArray();
        ContinuedTexts.requireWhole(tokenizer, ids, random.nextBoolean(), "seed " + seed);
      }
    }
  }

  @Test
  void charactersStreamAsTheirBytesComplete() {
    Map<String, Object> metadata = randomVocabulary(new Random(4));
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      Tokenizer.IncrementalDecoder decoder = tokenizer.newIncrementalDecoder(false);
      assertEquals("", decoder.add(byteId(' ')));
      assertEquals("", decoder.add(byteId(0xF0)));
      assertEquals("", decoder.add(byteId(0x9F)));
      assertEquals("", decoder.add(byteId(0x98)));
      assertEquals("😀", decoder.add(byteId(0x80)));
      assertEquals(" ", decoder.add(byteId(' ')));
      assertEquals("", decoder.add(byteId(0xE2)));
      assertEquals("\uFFFDa", decoder.add(byteId('a')));
      assertEquals("", decoder.add(byteId(0xE2)));
      assertEquals("\uFFFD", decoder.flush());
    }
  }

  private static int byteId(int value) {
    return 3 + value;
  }

  /**
   * Pieces are joins of earlier pieces, so that most have several cuts, with distinct scores that
   * do not follow their order. Left out are pieces that overlap themselves by more than half: there
   * ranked merges, the reference's too, cannot express SentencePiece's choice of the leftmost.
   */
  static Map<String, Object> randomVocabulary(Random random) {
    Set<String> pieces = new LinkedHashSet<>(List.of("<unk>", "<s>", "</s>"));
    for (int b = 0; b < 256; b++) {
      pieces.add("<0x%02X>".formatted(b));
    }
    ALPHABET.codePoints().forEach(c -> pieces.add(Character.toString(c)));
    List<String> normal = new ArrayList<>(pieces).subList(FIRST_PIECE, pieces.size());
    normal = new ArrayList<>(normal);
    while (normal.size() < 120) {
      String joined =
          normal.get(random.nextInt(normal.size())) + normal.get(random.nextInt(normal.size()));
      if (joined.length() <= 8 && !overlapsItself(joined) && pieces.add(joined)) {
        normal.add(joined);
      }
    }
    List<Object> types = new ArrayList<>();
    List<Object> scores = new ArrayList<>();
    for (int id = 0; id < pieces.size(); id++) {
      types.add(id == 0 ? 2L : id < 3 ? 3L : id < FIRST_PIECE ? 6L : 1L);
      scores.add(id < FIRST_PIECE ? 0.0 : (double) -random.nextInt(1 << 20) - id / 1024.0);
    }
    Map<String, Object> metadata = new HashMap<>();
    metadata.put("tokenizer.ggml.model", "llama");
    metadata.put("tokenizer.ggml.tokens", List.copyOf(pieces));
    metadata.put("tokenizer.ggml.scores", scores);
    metadata.put("tokenizer.ggml.token_type", types);
    return metadata;
  }

  private static boolean overlapsItself(String piece) {
    for (int shift = 1; shift < (piece.length() + 1) / 2; shift++) {
      if (piece.startsWith(piece.substring(shift))) {
        return true;
      }
    }
    return false;
  }

  private static String dense(Random random) {
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(40); i > 0; i--) {
      text.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
    }
    return text.toString().replace('\u2581', ' ');
  }

  /** The naive one knows no special tokens, and U+2581 in a text decodes to a space. */
  private static String withoutSpecial(String text) {
    return text.replace("<s>", "").replace("</s>", "").replace('\u2581', '_');
  }

  private static List<String> pieces(Map<String, Object> metadata) {
    return ((List<?>) metadata.getOrDefault("tokenizer.ggml.tokens", List.of()))
        .stream().map(Object::toString).toList();
  }

  private static double[] scores(Map<String, Object> metadata) {
    return ((List<?>) metadata.getOrDefault("tokenizer.ggml.scores", List.of()))
        .stream().mapToDouble(score -> (Double) score).toArray();
  }
}
