package io.calm.calibration;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * Passages of about 100 tokens, of texts of many kinds: articles, stories, manuals, programs,
 * letters, questions and answers, and a seventh in languages other than English. A model that
 * continues them writes samples of all these kinds. Written for this project.
 */
public final class TextOpenings {
  private static final String FILE = "openings.txt";
  private static final String BETWEEN = "\n%%\n";

  private TextOpenings() {}

  /** Returns the openings, neighbours of different kinds. */
  public static List<String> all() {
    try (InputStream file = TextOpenings.class.getResourceAsStream(FILE)) {
      if (file == null) {
        throw new IllegalStateException("the plugin's jar has no " + FILE + "; build it again");
      }
      String text = new String(file.readAllBytes(), StandardCharsets.UTF_8);
      return Arrays.stream(text.stripTrailing().split(BETWEEN)).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(FILE + " of the plugin's jar", e);
    }
  }
}
