package io.calm.cli.eval;

import io.calm.runtime.Decoder;
import java.util.List;

/** Logits of the served decoder. */
public final class DecoderLogits implements LogitSource {
  private final Decoder decoder;

  /**
   * @param decoder used by this object only, with {@link #blocksFor} KV blocks or more
   */
  public DecoderLogits(Decoder decoder) {
    this.decoder = decoder;
  }

  /** Returns the number of KV blocks for prompts of at most {@code context} tokens. */
  public static int blocksFor(int context) {
    return StepPlan.blocksFor(context);
  }

  @Override
  public int vocabulary() {
    return decoder.spec().vocabulary();
  }

  @Override
  public int blocks() {
    return decoder.blocks();
  }

  @Override
  public long preparedTokens() {
    return Long.MAX_VALUE;
  }

  @Override
  public void prepare(List<ScoredPrompt> prompts) {
    // Steps compute everything.
  }

  @Override
  public Rows step(StepPlan.Step step) {
    List<Decoder.Logits> logits =
        decoder.step(step.pieces().stream().map(StepPlan.Piece::chunk).toList()).stream()
            .flatMap(List::stream)
            .toList();
    return (index, buffer) -> logits.get(index).values();
  }

  @Override
  public void close() {
    decoder.close();
  }
}
