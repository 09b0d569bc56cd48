package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TextWindowsTest {
  private static final int[] TEXT = IntStream.range(0, 100).toArray();

  private static TextWindows cut(int tokens, OptionalInt windows, int length) {
    return TextWindows.cut("a.txt", IntStream.range(0, tokens).toArray(), windows, length, 512);
  }

  @Test
  void theDefaultHasAtLeast64kScoredTokens() {
    TextWindows cut = cut(200_000, OptionalInt.empty(), 512);
    assertEquals(129, cut.windows().size());
    assertTrue(cut.scored() >= 65_536, "" + cut.scored());
    assertTrue(128 * 511 < 65_536, "one window fewer is not enough");
    assertFalse(cut.isShort());
    assertEquals(65_536, cut(200_000, OptionalInt.empty(), 2).scored());
  }

  @Test
  void aShorterTextUsesAllItsWindows() {
    TextWindows cut = cut(1100, OptionalInt.empty(), 512);
    assertEquals(2, cut.windows().size());
    assertEquals(1022, cut.scored());
    assertTrue(cut.isShort());
    assertEquals(1100, cut.textTokens());
  }

  @Test
  void windowsAreDisjointAndScoreAllButTheirFirstToken() {
    TextWindows cut = TextWindows.cut("a.txt", TEXT, OptionalInt.of(4), 25, 25);
    assertArrayEquals(IntStream.range(75, 100).toArray(), cut.windows().get(3));
    ScoredPrompt.Branch branch = cut.prompts().get(1).branches().get(0);
    assertArrayEquals(IntStream.range(25, 49).toArray(), branch.inputs());
    assertArrayEquals(IntStream.range(26, 50).toArray(), branch.targets());
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 1, 26})
  void aLengthOutsideTheContextIsRefused(int length) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> TextWindows.cut("a.txt", TEXT, OptionalInt.of(1), length, 25));
    assertEquals(
        "--length: expected 2 to 25, the model's context, got %d; give another length"
            .formatted(length),
        e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 5})
  void windowsThatTheTextDoesNotHaveAreRefused(int windows) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> TextWindows.cut("a.txt", TEXT, OptionalInt.of(windows), 25, 25));
    assertTrue(e.getMessage().contains("a.txt: --windows: expected 1 to 4"), e.getMessage());
    assertTrue(e.getMessage().contains("100 tokens, got " + windows), e.getMessage());
  }

  @Test
  void aTextWithoutOneWindowIsRefused() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> cut(99, OptionalInt.empty(), 100));
    assertEquals(
        "a.txt: expected at least one window of 100 tokens, got 99 tokens; give a longer text or a"
            + " smaller --length",
        e.getMessage());
  }

  @Test
  void linesEndWithALineFeedAndTextIsUtf8(@TempDir Path directory) throws IOException {
    Path file = Files.writeString(directory.resolve("a"), "one\r\ntwo\n");
    assertEquals("one\ntwo\n", TextWindows.read(file));
    Files.write(file, new byte[] {'a', (byte) 0xff});
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> TextWindows.read(file));
    assertTrue(e.getMessage().contains("expected UTF-8 text"), e.getMessage());
  }
}
