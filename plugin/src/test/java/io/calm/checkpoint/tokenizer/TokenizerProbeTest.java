package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TokenizerProbeTest {

  @AfterEach
  void noProcessIsLeft() {
    long left =
        ProcessHandle.current()
            .children()
            .filter(ProcessHandle::isAlive)
            .filter(it -> it.info().commandLine().orElse("").contains(ProbeMain.class.getName()))
            .count();
    assertEquals(0, left);
  }

  @Test
  void aSoundTokenizerPassesAndIsRemembered() {
    TokenizerProbe probe = new TokenizerProbe(Duration.ofMinutes(2));
    CheckedTokenizer tokenizer =
        CheckedTokenizer.of(TokenizerSeeds.byteLevel().toString(), "tokenizer.json");
    probe.require(tokenizer, "tokenizer.json");
    TokenizerProbe impatient = new TokenizerProbe(Duration.ofNanos(1));
    assertThrows(CheckpointException.class, () -> impatient.require(tokenizer, "x"));
    probe.require(tokenizer, "tokenizer.json");
  }

  @Test
  void theDeathOfTheProcessIsARefusalThatNamesTheFile() {
    TokenizerProbe probe = new TokenizerProbe(Duration.ofMinutes(2));
    CheckedTokenizer deadly = LibraryAbortsTest.unchecked(LibraryAbortsTest.deadly());
    CheckpointException refused =
        assertThrows(CheckpointException.class, () -> probe.require(deadly, "m/tokenizer.json"));
    String message = String.valueOf(refused.getMessage());
    assertTrue(
        message.startsWith("m/tokenizer.json: expected a tokenizer that passes a test"), message);
    assertTrue(message.contains("died with code") && message.contains("panicked at"), message);
  }

  @Test
  void aProcessThatTakesTooLongIsStopped() {
    ProbeInput input =
        ProbeInput.of(CheckedTokenizer.of(TokenizerSeeds.byteLevel().toString(), "x"));
    ProbeProcess.Outcome outcome = ProbeProcess.run(input, Duration.ofMillis(1));
    assertFalse(outcome.survived());
    assertTrue(outcome.description().startsWith("was stopped after"), outcome.description());
  }

  @Test
  void whatTheLibraryRefusesIsNoDeath() {
    ProbeInput input = new ProbeInput("{\"model\": 3}", 0, List.of());
    assertTrue(ProbeProcess.run(input, Duration.ofMinutes(2)).survived());
  }

  @Test
  void ggufVocabulariesAreProbedToo() {
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata, true)) {
      assertEquals("Hi", tokenizer.decode(tokenizer.encode("Hi", false), false));
    }
  }
}
