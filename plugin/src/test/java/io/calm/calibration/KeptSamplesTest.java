package io.calm.calibration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.SealedFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Samples come back as they were kept, or not at all. */
class KeptSamplesTest {
  private static final String KEY = "0123abcd";

  @TempDir Path cache;

  private final CalibrationSet set =
      new CalibrationSet(
          "self",
          -5,
          List.of(new int[] {1, 2, 3}, new int[] {4, 50_000, 6}),
          List.of(new int[] {7, 8, 0}),
          List.of(new int[] {9, 10, 11}));
  private KeptSamples samples;
  private Path file;

  @BeforeEach
  void open() {
    samples = new KeptSamples(cache);
    file = cache.resolve("samples").resolve(KEY);
  }

  @Test
  void whatWasKeptIsFound() {
    assertTrue(samples.find(KEY).isEmpty());
    samples.keep(KEY, set);
    CalibrationSet found = samples.find(KEY).orElseThrow();
    assertEquals("self", found.source());
    assertEquals(-5, found.seed());
    requireEqual(set.fit(), found.fit());
    requireEqual(set.score(), found.score());
    requireEqual(set.guard(), found.guard());
    assertTrue(samples.find("another").isEmpty());
  }

  private static void requireEqual(List<int[]> expected, List<int[]> got) {
    assertEquals(expected.size(), got.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), got.get(i));
    }
  }

  @Test
  void anyByteThatChangedIsNoticed() throws IOException {
    samples.keep(KEY, set);
    byte[] whole = Files.readAllBytes(file);
    for (int i = 0; i < whole.length; i++) {
      byte[] damaged = whole.clone();
      damaged[i] ^= 1;
      SealedFiles.overwrite(file, damaged);
      assertEquals(Optional.empty(), samples.find(KEY), "byte " + i);
    }
  }

  @Test
  void aFileCutAnywhereIsNoticedAndReplaced() throws IOException {
    samples.keep(KEY, set);
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length < whole.length; length++) {
      SealedFiles.overwrite(file, Arrays.copyOf(whole, length));
      assertEquals(Optional.empty(), samples.find(KEY), "cut to " + length);
    }
    samples.keep(KEY, set);
    assertArrayEquals(whole, Files.readAllBytes(file));
  }

  @Test
  void aFileOfAnotherKeyIsNotTaken() throws IOException {
    samples.keep(KEY, set);
    Files.copy(file, file.resolveSibling("4567"));
    assertEquals(Optional.empty(), samples.find("4567"));
  }

  @Test
  void aDirectoryThatCannotBeMadeCostsASamplingAndNoMore() throws IOException {
    Files.writeString(cache.resolve("samples"), "a file in the way");
    samples.keep(KEY, set);
    assertEquals(Optional.empty(), samples.find(KEY));
  }
}
