package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.quantize.QuantizeException;
import io.calm.torch.EngineMissingException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
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
  void onlyAMissingEngineIsExpectedNotAFailingOne() {
    assertTrue(
        LoadErrors.isExpected(engine(new EngineMissingException("no engine", new IOException()))));
    assertFalse(LoadErrors.isExpected(engine(new IllegalStateException("a wrong shape"))));
    assertFalse(LoadErrors.isExpected(new IllegalStateException("a bug")));
    assertTrue(LoadErrors.isExpected(new IllegalArgumentException("a wrong setting")));
  }

  private static QuantizeException engine(RuntimeException cause) {
    return new QuantizeException(QuantizeException.Kind.ENGINE_MISSING, "no search", cause);
  }

  @Test
  void anUnexpectedFailureHasItsStackTrace() {
    long frames =
        log(new IllegalStateException("a bug")).lines().filter(l -> l.startsWith("\tat ")).count();
    assertTrue(frames > 0, "frames: " + frames);
  }
}
