package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MeasuredFilesTest {
  private static final String SUBJECT = "0a";

  @TempDir Path cache;

  /** A measurement. */
  record Value(int value) {}

  @Test
  void kindsOfOneBeginningAreDifferent() {
    MeasuredFiles files = new MeasuredFiles(cache.resolve("cache"));
    files.keep(SUBJECT, "eval", "a", new Value(1));
    files.keep(SUBJECT, "evaluation", "a", new Value(2));
    assertEquals(List.of(new Value(1)), files.all(SUBJECT, "eval", Value.class));
    assertEquals(List.of(new Value(2)), files.all(SUBJECT, "evaluation", Value.class));
  }
}
