package io.calm.checkpoint;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.function.Executable;

/** Asserts that a checkpoint is refused, and how. */
public final class Refused {
  private Refused() {}

  /** Asserts a {@link CheckpointException} whose message has every part. */
  public static void assertRefused(Executable executable, String... parts) {
    String message = assertThrows(CheckpointException.class, executable).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), () -> "'" + part + "' is not in: " + message);
    }
  }
}
