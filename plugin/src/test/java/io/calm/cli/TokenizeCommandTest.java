package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Goldens;
import io.calm.testing.JsonFile;
import io.calm.testing.Repository;
import io.calm.testing.SmolLm2;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizeCommandTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();

  @TempDir Path directory;

  @Test
  void theDefaultModelsIdsAreTheReferences() throws IOException {
    String model = SmolLm2.fileOrSkip().toString();
    JsonArray samples = golden().getAsJsonArray("encode");
    Path file = directory.resolve("text");
    // Each call loads the vocabulary: a few here, all of them in the tokenizer's own tests.
    for (int i = 3; i < samples.size(); i += samples.size() / 5) {
      JsonObject sample = samples.get(i).getAsJsonObject();
      Files.writeString(file, sample.get("text").getAsString());
      CommandRun outcome = CommandRun.of("tokenize", model, "--file", file.toString(), "--json");
      assertEquals(sample.getAsJsonArray("ids"), JsonParser.parseString(outcome.out()));
    }
  }

  @Test
  void textFileAndStandardInputGiveTheSameIds() throws IOException {
    String text = "Tab\tand naïve 😀\n\nend ";
    Path file = Files.writeString(directory.resolve("text"), text);
    CommandRun fromText = CommandRun.of("tokenize", TINY, "--text", text);
    assertEquals(0, fromText.status(), fromText.err());
    assertTrue(fromText.out().matches("\\d+( \\d+)*\\R"), fromText.out());
    assertEquals(fromText, CommandRun.of("tokenize", TINY, "--file", file.toString()));
    assertEquals(fromText, withInput(text.getBytes(StandardCharsets.UTF_8), "tokenize", TINY));
  }

  @ParameterizedTest
  @ValueSource(strings = {"@file", "@@", "--json", "-h", "\"quoted\"", "${user.home}", "-1"})
  void aTextIsTakenAsItIs(String text) throws IOException {
    Path file = Files.writeString(directory.resolve("text"), text);
    assertEquals(
        CommandRun.of("tokenize", TINY, "--file", file.toString()),
        CommandRun.of("tokenize", TINY, "--text", text));
  }

  @Test
  void nothingIsAddedUnlessAsked() throws IOException {
    Path vocabulary = vocabularyOnly();
    assertEquals("3 4\n", CommandRun.of("tokenize", vocabulary.toString(), "--text", "ab").out());
    assertEquals(
        "1 3 4\n",
        CommandRun.of("tokenize", vocabulary.toString(), "--text", "ab", "--add-special").out());
  }

  @Test
  void anEmptyTextIsAnEmptyList() {
    assertEquals("[]\n", CommandRun.of("tokenize", TINY, "--text", "", "--json").out());
  }

  @Test
  void bytesThatAreNoTextAreRefused() {
    CommandRun outcome = withInput(new byte[] {'a', (byte) 0xff}, "tokenize", TINY);
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("standard input: expected text in UTF-8"), outcome.err());
  }

  @Test
  void aModelThatIsNotThereIsOneLine() {
    CommandRun outcome =
        CommandRun.of("tokenize", directory.resolve("none").toString(), "--text", "a");
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("no such file or directory"), outcome.err());
    assertEquals(1, outcome.err().lines().count(), outcome.err());
  }

  @Test
  void aFileThatCannotBeReadIsRefusedWithItsOption() {
    Path missing = directory.resolve("none");
    assertEquals(
        "calm: --file: expected a file, got the directory %s; name a file in it\n"
            .formatted(directory),
        CommandRun.of("tokenize", TINY, "--file", directory.toString()).err());
    assertEquals(
        "calm: --file: expected a file, got %s: no such file or directory; correct the path\n"
            .formatted(missing),
        CommandRun.of("tokenize", TINY, "--file", missing.toString()).err());
  }

  @Test
  void aTextAndAFileTogetherAreAWrongCall() {
    CommandRun outcome = CommandRun.of("tokenize", TINY, "--text", "a", "--file", "b");
    assertEquals(2, outcome.status());
    assertEquals(1, outcome.err().lines().count(), outcome.err());
    assertTrue(outcome.err().contains("see ./calm tokenize --help"), outcome.err());
  }

  private static JsonObject golden() throws IOException {
    return JsonFile.object(Goldens.path("smollm2/expected.json"));
  }

  private static CommandRun withInput(byte[] input, String... arguments) {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(input));
    try {
      return CommandRun.of(arguments);
    } finally {
      System.setIn(before);
    }
  }

  /** Writes a GGUF file that holds a SentencePiece vocabulary and no tensor. */
  private Path vocabularyOnly() throws IOException {
    String[] tokens = {"<unk>", "<s>", "</s>", "a", "b", "\u2581"};
    ByteBuffer buffer = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putInt(0x46554747).putInt(3).putLong(0).putLong(8);
    key(buffer, "general.architecture", 8);
    string(buffer, "llama");
    key(buffer, "tokenizer.ggml.model", 8);
    string(buffer, "llama");
    array(buffer, "tokenizer.ggml.tokens", 8, tokens.length);
    Arrays.stream(tokens).forEach(token -> string(buffer, token));
    array(buffer, "tokenizer.ggml.scores", 6, tokens.length);
    Arrays.stream(tokens).forEach(token -> buffer.putFloat(0));
    array(buffer, "tokenizer.ggml.token_type", 5, tokens.length);
    for (int type : new int[] {2, 3, 3, 1, 1, 1}) {
      buffer.putInt(type);
    }
    key(buffer, "tokenizer.ggml.bos_token_id", 4);
    buffer.putInt(1);
    key(buffer, "tokenizer.ggml.add_bos_token", 7);
    buffer.put((byte) 1);
    key(buffer, "tokenizer.ggml.add_space_prefix", 7);
    buffer.put((byte) 0);
    Path file = directory.resolve("vocabulary.gguf");
    return Files.write(file, Arrays.copyOf(buffer.array(), buffer.position()));
  }

  private static void array(ByteBuffer buffer, String name, int type, int length) {
    key(buffer, name, 9);
    buffer.putInt(type).putLong(length);
  }

  private static void key(ByteBuffer buffer, String name, int type) {
    string(buffer, name);
    buffer.putInt(type);
  }

  private static void string(ByteBuffer buffer, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    buffer.putLong(bytes.length).put(bytes);
  }
}
