package io.calm.torch;

import ai.djl.engine.EngineException;
import java.util.List;
import java.util.Locale;

/** Describes failures of the PyTorch engine by their messages, which end with a native stack. */
public final class EngineFailures {
  /** CUDA says "out of memory"; the allocator of the CPU, "can't allocate memory". */
  private static final List<String> MEMORY =
      List.of("out of memory", "allocate memory", "not enough memory");

  private static final List<String> CUDA = List.of("cuda", "cublas", "cudnn");

  /** The start of the line with the reason, in a failure of a TorchScript method. */
  private static final String RUNTIME_ERROR = "RuntimeError: ";

  private EngineFailures() {}

  /** Returns whether the device or the machine had no memory. */
  public static boolean isOutOfMemory(EngineException e) {
    return contains(e, MEMORY);
  }

  /** Returns whether a CUDA device or a library of CUDA failed. */
  public static boolean isOfCuda(EngineException e) {
    return contains(e, CUDA);
  }

  private static boolean contains(EngineException e, List<String> words) {
    String message = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
    return words.stream().anyMatch(message::contains);
  }

  /**
   * Returns the line of the message that has the reason: behind a trace of TorchScript, or first.
   */
  public static String reason(RuntimeException e) {
    String message = String.valueOf(e.getMessage());
    return message
        .lines()
        .filter(line -> line.startsWith(RUNTIME_ERROR))
        .map(line -> line.substring(RUNTIME_ERROR.length()))
        .findFirst()
        .orElse(message.lines().findFirst().orElse(e.toString()));
  }
}
