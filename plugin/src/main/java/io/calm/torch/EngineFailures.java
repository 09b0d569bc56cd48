package io.calm.torch;

import ai.djl.engine.EngineException;
import java.util.Locale;

/** Describes failures of the PyTorch engine. */
public final class EngineFailures {
  private EngineFailures() {}

  /** Returns whether a device had no memory: libtorch and CUDA both say "out of memory". */
  public static boolean isOutOfMemory(EngineException e) {
    return String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT).contains("out of memory");
  }

  /** Returns the first line of the message; a native stack trace follows it. */
  public static String firstLine(EngineException e) {
    String message = String.valueOf(e.getMessage());
    return message.lines().findFirst().orElse(message);
  }
}
