package io.calm.calibration;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.calm.checkpoint.LongText;
import io.calm.checkpoint.Tokenizer;
import io.calm.files.TextFile;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;

/** Cuts calibration sequences from a text file, or from JSON lines with a {@code text} each. */
public final class CalibrationText {
  /** Minimum number of windows to fit on, unless their number is given. */
  private static final int MIN_SAMPLES = 4;

  private CalibrationText() {}

  /**
   * Requires a regular file of at most {@value TextFile#MAX_MIB} MiB, so that its digest and its
   * reader come to an end. A missing file is accepted, which its reader reports.
   *
   * @throws IllegalArgumentException if it is another one
   */
  public static void requireRegular(Path file) {
    try {
      TextFile.requireRegular("calm.calibration: " + file, file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /**
   * Cuts windows that are spread evenly over the text: {@code samples} windows to fit on, and
   * between them those to score and to guard.
   *
   * @param length tokens per window
   * @throws IllegalArgumentException if the file cannot be read or is too short; the message has
   *     the numbers
   */
  public static CalibrationSet read(Path file, Tokenizer tokenizer, int samples, int length) {
    return cut(file, LongText.encode(tokenizer, text(file)), samples, length);
  }

  /**
   * Cuts up to {@code most} windows to fit on, fewer if the text is too short for them and those to
   * score and to guard.
   *
   * @throws IllegalArgumentException if the file cannot be read, or is too short for {@value
   *     #MIN_SAMPLES} windows to fit on
   */
  public static CalibrationSet readUpTo(Path file, Tokenizer tokenizer, int most, int length) {
    int[] tokens = LongText.encode(tokenizer, text(file));
    int samples = most;
    while (samples > MIN_SAMPLES && needed(samples, length) > tokens.length) {
      samples--;
    }
    return cut(file, tokens, samples, length);
  }

  private static long needed(int samples, int length) {
    return (long) CalibrationSet.total(samples) * length;
  }

  private static CalibrationSet cut(Path file, int[] tokens, int samples, int length) {
    int heldOut = CalibrationSet.heldOut(samples);
    long needed = needed(samples, length);
    if (tokens.length < needed) {
      throw new IllegalArgumentException(
          "calm.calibration: %s has %d tokens; %d windows of %d need %d; give a longer text, or set %s"
              .formatted(
                  file.getFileName(),
                  tokens.length,
                  CalibrationSet.total(samples),
                  length,
                  needed,
                  samples == 1
                      ? "a smaller calm.calibration.length"
                      : "calm.calibration.samples below %d or a smaller calm.calibration.length"
                          .formatted(samples)));
    }
    int stride = (tokens.length - length) / samples;
    boolean roomBetween = stride >= 3 * length;
    List<int[]> fit = new ArrayList<>();
    List<int[]> score = new ArrayList<>();
    List<int[]> guard = new ArrayList<>();
    int total = CalibrationSet.total(samples);
    int dense = (int) ((tokens.length - (long) length) / (total - 1));
    for (int i = 0; i < heldOut; i++) {
      int first = i * samples / heldOut;
      int end = (i + 1) * samples / heldOut;
      for (int k = first; k < end; k++) {
        fit.add(window(tokens, roomBetween ? k * stride : (k + 2 * i) * dense, length));
      }
      int between = roomBetween ? first * stride + length : (end + 2 * i) * dense;
      score.add(window(tokens, between, length));
      guard.add(window(tokens, roomBetween ? between + length : between + dense, length));
    }
    return new CalibrationSet(file.getFileName().toString(), 0, fit, score, guard);
  }

  private static int[] window(int[] tokens, int from, int length) {
    return Arrays.copyOfRange(tokens, from, from + length);
  }

  /** Returns the text, see {@link TextFile}; for JSON lines, the {@code text} of each on a line. */
  private static String text(Path file) {
    try {
      String content = TextFile.read(file);
      return TextFile.isJsonLines(file) ? jsonLines(file, content) : content;
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          "calm.calibration: %s is not UTF-8; convert it".formatted(file), e);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static IllegalArgumentException unreadable(Path file, IOException e) {
    return new IllegalArgumentException(
        "calm.calibration: %s cannot be read (%s)".formatted(file, e.getMessage()), e);
  }

  private static String jsonLines(Path file, String content) {
    StringBuilder texts = new StringBuilder();
    Iterator<String> lines = content.lines().filter(line -> !line.isBlank()).iterator();
    for (int number = 1; lines.hasNext(); number++) {
      texts.append(number == 1 ? "" : "\n").append(textOf(file, number, lines.next()));
    }
    return texts.toString();
  }

  private static String textOf(Path file, int number, String line) {
    try {
      JsonElement element = JsonParser.parseString(line);
      if (element.isJsonPrimitive()) {
        return element.getAsString();
      }
      JsonObject object = element.getAsJsonObject();
      if (object.has("text")) {
        return object.get("text").getAsString();
      }
    } catch (JsonParseException | IllegalStateException | UnsupportedOperationException e) {
      throw badLine(file, number, line, e);
    }
    throw badLine(file, number, line, null);
  }

  private static IllegalArgumentException badLine(
      Path file, int number, String line, @org.jspecify.annotations.Nullable Throwable cause) {
    return new IllegalArgumentException(
        "calm.calibration: %s line %d: expected an object with a string \"text\", got %s"
            .formatted(file.getFileName(), number, line.substring(0, Math.min(60, line.length()))),
        cause);
  }
}
