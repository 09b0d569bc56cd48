package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.calm.testing.Repository;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Calls that {@code calm logits} refuses before it quantizes a model. */
class LogitsCommandTest {
  @TempDir Path directory;

  private void assertRefused(String message, String tokens, Path out) {
    assertRefused(1, message, tokens, out);
  }

  private void assertRefused(int status, String message, String tokens, Path out) {
    CommandRun run =
        CommandRun.of(
            "logits",
            Repository.path("models/calm-tiny-llama").toString(),
            "-s",
            "calm.algorithm=rtn",
            "-s",
            "calm.cache-dir=" + directory.resolve("cache"),
            "--tokens=" + tokens,
            "--out",
            out.toString());
    assertEquals(status, run.status());
    assertEquals("calm: " + message, run.err().strip());
    assertFalse(Files.exists(directory.resolve("cache/artifacts")), "the work began");
  }

  @ParameterizedTest
  @ValueSource(ints = {2048, 999_999})
  void aTokenThatTheModelDoesNotHave(int token) {
    assertRefused(
        ("--tokens: expected token ids 0 to 2047, got %d; ./calm tokenize prints the ids of a text"
                + " for this model")
            .formatted(token),
        "1," + token,
        directory.resolve("l"));
  }

  @Test
  void aTokenThatNoModelHas() {
    assertRefused(
        2,
        "--tokens: expected token ids of 0 or more, got -1; ./calm tokenize prints those of a text",
        "-1,5",
        directory.resolve("l"));
  }

  @Test
  void moreTokensThanTheContext() {
    assertRefused(
        "--tokens: expected at most 1024 token ids, the model's context, got 1088; leave some out",
        String.join(",", Collections.nCopies(1088, "1")),
        directory.resolve("l"));
  }

  @Test
  void anOutputThatCannotBeWritten() {
    assertRefused(
        "--out: expected a file in an existing directory, got %s; name a file in it"
            .formatted(directory),
        "1,2",
        directory);
  }
}
