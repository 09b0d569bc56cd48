package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Damaged tokenizers: refused with a message, or opened, and then no text ends the process. A build
 * tries some; the profile {@code fuzz} tries many ({@code calm.fuzz.checked}, {@code
 * calm.fuzz.native}).
 */
class TokenizerJsonFuzzTest {
  private static final int CHECKED = Integer.getInteger("calm.fuzz.checked", 3_000);
  private static final int NATIVE = Integer.getInteger("calm.fuzz.native", 40);
  private static final int LONGEST = 200;

  private static JsonMutator mutator() {
    return new JsonMutator(
        new Random(Seeds.next()), TokenizerSeeds.all(), TokenizerSeeds.snippets());
  }

  /** Checks a text: a tokenizer, or a refusal that says what was expected. */
  private static Optional<CheckedTokenizer> check(String json) {
    return assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () -> {
          try {
            return Optional.of(CheckedTokenizer.of(json, "fuzz"));
          } catch (CheckpointException e) {
            assertTrue(String.valueOf(e.getMessage()).contains(": expected "), e::getMessage);
            assertTrue(e.getMessage().length() < 2000, e::getMessage);
            return Optional.empty();
          }
        },
        json);
  }

  @Test
  void seedsAreOpened() throws IOException {
    try (FuzzChild child = FuzzChild.start()) {
      for (JsonObject seed : TokenizerSeeds.all()) {
        CheckedTokenizer checked = check(seed.toString()).orElseThrow();
        assertEquals(Optional.of(0), child.tries(input(checked)), seed::toString);
        assertEquals(checked.json(), check(checked.json()).orElseThrow().json());
      }
    }
  }

  @Test
  void theCheckAlwaysAnswers() {
    JsonMutator mutator = mutator();
    int passed = 0;
    for (int i = 0; i < CHECKED; i++) {
      passed += check(mutator.next()).isPresent() ? 1 : 0;
    }
    System.out.printf("%d of %d damaged tokenizers passed the check%n", passed, CHECKED);
    assertTrue(passed > 0 && passed < CHECKED);
  }

  @Test
  void whatPassesTheCheckEndsNoProcess() throws IOException {
    JsonMutator mutator = mutator();
    List<String> deadly = new ArrayList<>();
    int refused = 0;
    FuzzChild child = FuzzChild.start();
    try {
      for (int tried = 0; tried < NATIVE; ) {
        Optional<CheckedTokenizer> checked = check(mutator.next());
        if (checked.isEmpty()) {
          continue;
        }
        tried++;
        Optional<Integer> answer = child.tries(input(checked.get()));
        refused += answer.equals(Optional.of(ProbeMain.REFUSED)) ? 1 : 0;
        if (answer.isEmpty()) {
          deadly.add(checked.get().json());
          child.close();
          child = FuzzChild.start();
        }
      }
    } finally {
      child.close();
    }
    System.out.printf("%d of %d checked tokenizers refused by the library%n", refused, NATIVE);
    keep(deadly);
    assertEquals(List.of(), deadly);
  }

  /** Stores findings in the directory {@code calm.fuzz.findings}. */
  private static void keep(List<String> deadly) throws IOException {
    String directory = System.getProperty("calm.fuzz.findings", "");
    for (int i = 0; i < deadly.size() && !directory.isEmpty(); i++) {
      Path file = Path.of(directory).resolve("deadly-" + System.nanoTime() + ".json");
      Files.writeString(file, deadly.get(i));
    }
  }

  /** The short texts of a probe: many tokenizers are worth more than long texts here. */
  private static ProbeInput input(CheckedTokenizer checked) {
    ProbeInput full = ProbeInput.of(checked);
    List<String> texts =
        full.texts().stream()
            .map(text -> text.length() <= LONGEST ? text : text.substring(0, LONGEST))
            .distinct()
            .toList();
    return new ProbeInput(full.json(), full.size(), texts);
  }
}
