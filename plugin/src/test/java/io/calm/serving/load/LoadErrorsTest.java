package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.quantize.QuantizeException;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** The log of failed loads. */
class LoadErrorsTest {
  private static String log(Throwable failure) {
    PrintStream real = System.err;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      assertEquals(500, LoadErrors.log("m", "file:/models/m", failure).kind().status());
    } finally {
      System.setErr(real);
    }
    return bytes.toString(StandardCharsets.UTF_8).strip();
  }

  @Test
  void anExpectedFailureIsOneLine() {
    QuantizeException full =
        new QuantizeException(
            QuantizeException.Kind.STORAGE, "the disk is full", new IllegalStateException("full"));
    assertEquals(
        "ERROR LoadErrors - m: cannot be loaded from file:/models/m: the disk is full", log(full));
  }

  @Test
  void anUnexpectedFailureHasItsStackTrace() {
    long frames =
        log(new IllegalStateException("a bug")).lines().filter(l -> l.startsWith("\tat ")).count();
    assertTrue(frames > 0, "frames: " + frames);
  }
}
