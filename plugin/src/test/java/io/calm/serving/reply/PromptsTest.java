package io.calm.serving.reply;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.generate.SchedulerSettings;
import io.calm.serving.model.CheckpointParts;
import io.calm.serving.model.ServedModel;
import io.calm.testing.Repository;
import io.calm.testing.ScriptedModels;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Long texts with a tokenizer of the native library. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PromptsTest {
  private static final int CONTEXT = 2000;

  private final Checkpoint checkpoint = Checkpoints.open(Repository.path("models/calm-tiny-llama"));
  private final Tokenizer tokenizer = checkpoint.tokenizer();
  private final ServedModel scripted =
      ScriptedModels.builder("m").scheduling(new SchedulerSettings(CONTEXT, 64, 4, 4, 64)).build();
  private final ServedModel model = served(tokenizer);

  private ServedModel served(Tokenizer tokens) {
    return scripted.withParts(
        new CheckpointParts(
            checkpoint.spec(), tokens, scripted.chatTemplate(), scripted.defaults()));
  }

  @AfterAll
  void stop() {
    scripted.close();
    tokenizer.close();
    checkpoint.close();
  }

  private static String words(long seed, int length) {
    SplittableRandom random = new SplittableRandom(seed);
    StringBuilder text = new StringBuilder();
    while (text.length() < length) {
      for (int i = 1 + random.nextInt(9); i > 0; i--) {
        text.append((char) ('a' + random.nextInt(26)));
      }
      text.append(
          switch (random.nextInt(12)) {
            case 0 -> ", ";
            case 1 -> ".\n\n";
            case 2 -> "  ";
            case 3 -> " 日本é ";
            case 4 -> " " + random.nextInt(10_000) + " ";
            case 5 -> "</s> ";
            default -> " ";
          });
    }
    return text.toString();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 64, 500, 1999, 2000})
  void theLastTokensOfALongTextAreThoseOfTheWhole(int count) {
    for (long seed = 0; seed < 2; seed++) {
      String text = words(Seeds.of(seed), 150_000 + (int) seed * 80_000);
      int[] whole = tokenizer.encode(text, true);
      int[] expected = Arrays.copyOfRange(whole, whole.length - count, whole.length);
      assertArrayEquals(
          expected, Prompts.encodeLast(model, "inputs", text, count).tokens(), "seed " + seed);
    }
  }

  @Test
  void aTextThatTheTokenizerHasNoTokensForIsRefused(@TempDir Path directory) throws IOException {
    Files.writeString(
        directory.resolve("tokenizer.json"),
        """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
         "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
         "decoder": null,
         "model": {"type": "WordLevel", "vocab": {"known": 0}, "unk_token": "none"}}
        """);
    try (Tokenizer words = Checkpoints.openTokenizer(directory)) {
      ServedModel served = served(words);
      assertArrayEquals(new int[] {0}, Prompts.encode(served, "prompt", "known", true).tokens());
      for (String text : List.of("other", "other ".repeat(20_000))) {
        for (Executable encode :
            List.<Executable>of(
                () -> Prompts.encode(served, "prompt", text, true),
                () -> Prompts.encodeLast(served, "prompt", text, 5))) {
          ApiException e = assertThrows(ApiException.class, encode);
          assertEquals(400, e.kind().status());
          assertTrue(e.getMessage().startsWith("prompt: "), e.getMessage());
        }
      }
    }
  }

  @Test
  void aShortTextIsKeptWhole() {
    int[] whole = tokenizer.encode("a few words", true);
    assertArrayEquals(whole, Prompts.encodeLast(model, "inputs", "a few words", 1000).tokens());
    assertArrayEquals(whole, Prompts.encodeLast(model, "inputs", "a few words", 99_999).tokens());
  }

  @Test
  void aTextOfTooManyTokensIsRefusedByItsPieces() {
    String text = words(9, 70_000);
    ApiException e =
        assertThrows(ApiException.class, () -> Prompts.encode(model, "prompt", text, true));
    assertEquals(ApiException.Kind.TOO_LONG, e.kind());
    assertTrue(
        e.getMessage()
            .startsWith("prompt: the prompt is too long: it has %d char".formatted(text.length())),
        e.getMessage());
  }

  /** Steps that shrink a text, with a text of which only a few tokens are left. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'type': 'Replace', 'pattern': {'Regex': ' +'}, 'content': ' '} | null | a %s b",
        "{'type': 'Replace', 'pattern': {'String': '    '}, 'content': ''} | null | a %s b",
        "{'type': 'Strip', 'strip_left': true, 'strip_right': true} | null | %s",
        "{'type': 'BertNormalizer', 'clean_text': true, 'handle_chinese_chars': true, 'lowercase': true} | {'type': 'BertPreTokenizer'} | a %s b",
        "null | {'type': 'WhitespaceSplit'} | a %s b",
        "null | {'type': 'Split', 'pattern': {'String': ' '}, 'behavior': 'Removed', 'invert': false} | a %s b",
      })
  void aTextThatShrinksIsNotRefusedForItsLength(
      String normalizer, String preTokenizer, String text, @TempDir Path directory)
      throws IOException {
    Files.writeString(
        directory.resolve("tokenizer.json"),
        """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
         "normalizer": %s, "pre_tokenizer": %s, "post_processor": null, "decoder": null,
         "model": {"type": "BPE", "unk_token": "a", "vocab": {"a": 0, "b": 1, " ": 2}, "merges": []}}
        """
            .formatted(normalizer, preTokenizer)
            .replace('\'', '"'));
    String max = text.formatted(" ".repeat(900_000));
    String tooLong = text.formatted(" ".repeat(1_100_000));
    try (Tokenizer shrinking = Checkpoints.openTokenizer(directory)) {
      assertTrue(shrinking.shrinkage().isEmpty());
      ServedModel served = served(shrinking);
      int[] whole = shrinking.encode(max, true);
      assertTrue(whole.length < 10, "tokens: " + whole.length);
      if (whole.length > 0) {
        assertArrayEquals(whole, Prompts.encode(served, "prompt", max, true).tokens());
      }
      ApiException e =
          assertThrows(ApiException.class, () -> Prompts.encode(served, "prompt", tooLong, true));
      assertTrue(e.getMessage().contains("at most 1048576 are read"), e.getMessage());
    }
  }

  @Test
  void aTextOfFewerTokensThanTheContextIsNeverRefusedForItsLength() {
    int longest = 0;
    String token = "";
    for (int id = 0; id < tokenizer.size(); id++) {
      if (!tokenizer.isSpecial(id) && tokenizer.bytes(id).length > longest) {
        longest = tokenizer.bytes(id).length;
        token = tokenizer.decode(new int[] {id}, false);
      }
    }
    int needed = TextLimits.SHORT / token.length() + 10;
    ServedModel wide =
        ScriptedModels.builder("wide")
            .scheduling(new SchedulerSettings(4 * needed, 4096, 1, 1, 64))
            .build();
    try {
      ServedModel both =
          wide.withParts(
              new CheckpointParts(
                  checkpoint.spec(), tokenizer, wide.chatTemplate(), wide.defaults()));
      assertEquals(1, tokenizer.shrinkage().getAsInt());
      String text = token.repeat(needed);
      assertTrue(text.length() > TextLimits.SHORT);
      int[] tokens = Prompts.encode(both, "prompt", text, true).tokens();
      assertArrayEquals(tokenizer.encode(text, true), tokens);
    } finally {
      wide.close();
    }
  }
}
