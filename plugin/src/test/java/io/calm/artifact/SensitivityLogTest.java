package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.search.SensitivityCell;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Finished cells survive the end of their process. */
class SensitivityLogTest {
  private static final SensitivityCell FIRST =
      new SensitivityCell(
          3,
          "awq+gptq",
          Optional.empty(),
          Map.of("cka", Math.nextDown(1.0), "relative-mse", Double.NaN),
          Map.of("guard part", List.of(1 / 3.0, Double.POSITIVE_INFINITY, 1e-300)),
          0.25);
  private static final SensitivityCell SECOND =
      new SensitivityCell(
          3, "rtn", Optional.of("Cholesky: \"pivot\" 3 <= 0\n"), Map.of(), Map.of(), 1);

  @TempDir Path cache;

  private SensitivityLog open() {
    return SensitivityLog.open(cache, "a-table");
  }

  private Path file() {
    return cache.resolve("sensitivity").resolve("a-table.jsonl");
  }

  @Test
  void aCellIsReadBackToTheLastBit() throws Exception {
    try (SensitivityLog log = open()) {
      log.add(FIRST);
      log.add(SECOND);
      assertEquals(Optional.of(FIRST), log.find(3, "awq+gptq"));
    }
    assertEquals(2, Files.readAllLines(file()).size(), "one line for each");
    try (SensitivityLog log = open()) {
      assertEquals(Optional.of(FIRST), log.find(3, "awq+gptq"));
      assertEquals(Optional.of(SECOND), log.find(3, "rtn"));
      assertEquals(Optional.empty(), log.find(2, "rtn"));
    }
  }

  /** A process that is killed while it writes leaves a part of a line, of any length. */
  @Test
  void aLineThatWasCutShortIsDroppedAndWrittenAgain() throws Exception {
    try (SensitivityLog log = open()) {
      log.add(FIRST);
      log.add(SECOND);
    }
    byte[] whole = Files.readAllBytes(file());
    int first = Files.readAllLines(file()).get(0).length() + 1;
    for (int length = first; length < whole.length; length += 13) {
      Files.write(file(), Arrays.copyOf(whole, length));
      try (SensitivityLog log = open()) {
        assertEquals(Optional.of(FIRST), log.find(3, "awq+gptq"), "cut at " + length);
        assertEquals(Optional.empty(), log.find(3, "rtn"), "cut at " + length);
        log.add(SECOND);
      }
      assertEquals(
          new String(whole, StandardCharsets.UTF_8), Files.readString(file()), "cut at " + length);
    }
  }

  @Test
  void whatIsNoCellEndsTheTable() throws Exception {
    try (SensitivityLog log = open()) {
      log.add(FIRST);
    }
    for (String wrong : List.of("\n", "{}\n", "null\n", "[1]\n", "\0\0\0\n")) {
      String before = Files.readString(file());
      Files.writeString(file(), wrong + before, StandardOpenOption.APPEND);
      try (SensitivityLog log = open()) {
        assertEquals(Optional.of(FIRST), log.find(3, "awq+gptq"));
      }
      assertEquals(before, Files.readString(file()), "after '" + wrong + "'");
    }
  }

  @Test
  void aTableIsMeasuredByOneRunAtATime() throws Exception {
    try (SensitivityLog log = open()) {
      ArtifactException e = assertThrows(ArtifactException.class, this::open);
      assertTrue(e.getMessage().contains("another run measures the same table"), e.getMessage());
      log.add(FIRST);
    }
    try (SensitivityLog log = open()) {
      assertEquals(Optional.of(FIRST), log.find(3, "awq+gptq"));
    }
  }

  @Test
  void aCacheThatIsAFileIsRefused() throws IOException {
    Path file = Files.writeString(cache.resolve("file"), "");
    assertThrows(ArtifactException.class, () -> SensitivityLog.open(file, "a-table"));
  }
}
