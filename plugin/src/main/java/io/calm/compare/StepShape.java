package io.calm.compare;

import io.calm.runtime.Decoder;
import java.util.List;
import java.util.Locale;

/**
 * A kind of decoder step.
 *
 * @param sequences number of sequences in the step
 * @param tokens number of tokens per sequence; 1 for a decode
 */
public record StepShape(Phase phase, int sequences, int tokens) {
  /** Tokens before the first decode of a sequence. */
  static final int CONTEXT = 64;

  /** Tokens of a sequence after its last decode. */
  static final int DECODED = 192;

  /**
   * The shapes of a probe. A prompt step has 128 tokens, half as many as the largest step of the
   * scheduler.
   */
  public static final List<StepShape> PROBED =
      List.of(decode(1), decode(8), prefill(1, 128), prefill(8, 16));

  /** The part of a generation. */
  public enum Phase {
    /** One token of a sequence whose keys and values are stored. */
    DECODE,
    /** The tokens of a prompt. */
    PREFILL;

    /** Returns the name in JSON and in metrics. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Returns the shape of decodes of a number of sequences. */
  public static StepShape decode(int sequences) {
    return new StepShape(Phase.DECODE, sequences, 1);
  }

  /** Returns the shape of prompts of {@code tokens} tokens each. */
  public static StepShape prefill(int sequences, int tokens) {
    return new StepShape(Phase.PREFILL, sequences, tokens);
  }

  /** Returns the number of KV blocks that the steps need. */
  public int blocks() {
    return sequences * Decoder.blocksFor(phase == Phase.DECODE ? DECODED : tokens);
  }

  /** Returns the number of KV blocks that steps of any of the shapes need. */
  public static int blocks(List<StepShape> shapes) {
    return shapes.stream().mapToInt(StepShape::blocks).max().orElse(1);
  }
}
