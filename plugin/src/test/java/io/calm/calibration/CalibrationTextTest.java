package io.calm.calibration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.ByteTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The positions of windows in a text whose every window shows its position. */
class CalibrationTextTest {
  private static final int LENGTH = 12;

  @TempDir Path directory;

  private CalibrationSet read(Path file, int samples) {
    return CalibrationText.read(file, new ByteTokenizer(), samples, LENGTH);
  }

  /** Returns a text of {@code tokens} bytes in which six at a multiple of six name their place. */
  private Path places(int tokens) throws IOException {
    String text =
        IntStream.rangeClosed(0, tokens / 6)
            .mapToObj(i -> "%06d".formatted(i * 6))
            .collect(Collectors.joining());
    return Files.writeString(directory.resolve("places.txt"), text.substring(0, tokens));
  }

  /** Returns where a window of {@link #places} was cut. */
  private static int place(int[] window) {
    String text = new ByteTokenizer().decode(window, false);
    for (int skip = 0; skip < 6; skip++) {
      int at = Integer.parseInt(text.substring(skip, skip + 6));
      if (at % 6 == 0 && at < 100_000 && text.startsWith("%06d".formatted(at), skip)) {
        int start = at - skip;
        if (start >= 0 && reads(text, start)) {
          return start;
        }
      }
    }
    throw new AssertionError("no place in " + text);
  }

  private static boolean reads(String text, int start) {
    return IntStream.range(0, text.length())
        .allMatch(
            i -> {
              int at = start + i;
              return "%06d".formatted(at / 6 * 6).charAt(at % 6) == text.charAt(i);
            });
  }

  @Test
  void fittingWindowsAreSpreadEvenlyFromTheFirstToken() throws IOException {
    int tokens = 5003;
    List<int[]> fit = read(places(tokens), 8).fit();
    int stride = (tokens - LENGTH) / 8;
    assertEquals(8, fit.size());
    for (int i = 0; i < fit.size(); i++) {
      assertEquals(i * stride, place(fit.get(i)));
    }
  }

  @ParameterizedTest
  @CsvSource({"5003, 8", "5003, 1", "144, 8", "145, 8", "300, 8", "36, 1", "60, 3", "999, 24"})
  void windowsOfAllPartsAreDisjoint(int tokens, int samples) throws IOException {
    CalibrationSet set = read(places(tokens), samples);
    assertEquals(samples, set.fit().size());
    assertEquals(CalibrationSet.heldOut(samples), set.score().size());
    assertEquals(CalibrationSet.heldOut(samples), set.guard().size());
    List<int[]> all = new ArrayList<>();
    Stream.of(set.fit(), set.score(), set.guard()).forEach(all::addAll);
    Set<Integer> starts = new TreeSet<>();
    all.forEach(window -> starts.add(place(window)));
    assertEquals(all.size(), starts.size());
    int end = 0;
    for (int start : starts) {
      assertTrue(
          start >= end, "a window at %d before the end of another, %d".formatted(start, end));
      end = start + LENGTH;
    }
    assertTrue(end <= tokens);
  }

  /** A text that begins with one kind of passages and ends with another. */
  @ParameterizedTest
  @CsvSource({"300, 8", "576, 32", "5003, 32"})
  void everyPartHasWindowsOfBothHalvesOfAText(int tokens, int samples) throws IOException {
    CalibrationSet set = read(places(tokens), samples);
    for (List<int[]> part : List.of(set.fit(), set.score(), set.guard())) {
      long first = part.stream().filter(window -> place(window) < tokens / 2).count();
      long second = part.size() - first;
      assertTrue(Math.abs(first - second) <= 2, "%d and %d windows".formatted(first, second));
    }
  }

  @Test
  void oneTokenTooFewIsRefusedWithTheNumbers() throws IOException {
    Path file = places(143);
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> read(file, 8));
    assertTrue(
        e.getMessage().contains("places.txt has 143 tokens; 12 windows of 12 need 144"),
        e.getMessage());
    assertTrue(e.getMessage().contains("set calm.calibration.samples below 8 or"), e.getMessage());
    Path tiny = places(35);
    e = assertThrows(IllegalArgumentException.class, () -> read(tiny, 1));
    assertTrue(e.getMessage().endsWith("or set a smaller calm.calibration.length"), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "5003, 64, 64",
    "1152, 64, 64",
    "1151, 64, 63",
    "144, 64, 8",
    "72, 64, 4",
    "60, 3, 3"
  })
  void asManyWindowsAsATextHasAreFittedOn(int tokens, int most, int samples) throws IOException {
    CalibrationSet set =
        CalibrationText.readUpTo(places(tokens), new ByteTokenizer(), most, LENGTH);
    assertEquals(samples, set.fit().size());
    assertEquals(CalibrationSet.heldOut(samples), set.score().size());
    assertEquals(CalibrationSet.heldOut(samples), set.guard().size());
  }

  @Test
  void aTextWithoutWindowsForFourSamplesIsRefusedWithARemedy() throws IOException {
    Path file = places(71);
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> CalibrationText.readUpTo(file, new ByteTokenizer(), 64, LENGTH))
            .getMessage();
    assertTrue(message.contains("places.txt has 71 tokens; 6 windows of 12 need 72"), message);
    assertTrue(
        message.contains("give a longer text, or set calm.calibration.samples below 4"), message);
  }

  @Test
  void jsonLinesGiveTheirTexts() throws IOException {
    String half = "abcdefghijklmnopqrs";
    Path file =
        Files.writeString(
            directory.resolve("lines.jsonl"),
            "{\"id\": 1, \"text\": \"%s\"}\n\n\"%s\"\n".formatted(half, half));
    CalibrationSet set = read(file, 1);
    byte[] text = (half + "\n" + half).getBytes(StandardCharsets.UTF_8);
    assertEquals("lines.jsonl", set.source());
    int[] expected = IntStream.range(0, LENGTH).map(i -> text[i]).toArray();
    assertArrayEquals(expected, set.fit().get(0));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"body\": \"x\"}", "[1]", "{\"text\": {}}", "{\"text\"", "17 18"})
  void aLineWithoutATextIsRefusedByItsNumber(String line) throws IOException {
    Path file =
        Files.writeString(directory.resolve("bad.jsonl"), "{\"text\": \"fine\"}\n" + line + "\n");
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> read(file, 1));
    assertTrue(e.getMessage().contains("bad.jsonl line 2: expected an object"), e.getMessage());
  }

  @Test
  void otherBytesThanUtf8AreRefused() throws IOException {
    Path file = Files.write(directory.resolve("latin1.txt"), new byte[] {'a', (byte) 0xE9, 'b'});
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> read(file, 1));
    assertTrue(e.getMessage().contains("not UTF-8"), e.getMessage());
  }
}
