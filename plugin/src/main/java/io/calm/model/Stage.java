package io.calm.model;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A point in a decoder block where one activation feeds one or more linears; stages run in order.
 */
public enum Stage {
  /** Output of the attention norm; feeds q, k and v. */
  ATTENTION_IN,
  /** Concatenated attention heads; feeds o. */
  ATTENTION_OUT,
  /** Output of the feed-forward norm; feeds gate and up. */
  MLP_IN,
  /** {@code silu(gate) * up}; feeds down. */
  MLP_OUT;

  /** Returns the linears that read this stage's activation, in the order in which they run. */
  public List<LinearRole> linears() {
    return Arrays.stream(LinearRole.values()).filter(role -> role.stage() == this).toList();
  }

  /** Returns whether the output of the stage's linear is added to the residual stream. */
  public boolean addsToResidual() {
    return this == ATTENTION_OUT || this == MLP_OUT;
  }

  /** Returns the stage after this one; empty after the last. */
  public Optional<Stage> next() {
    return switch (this) {
      case ATTENTION_IN -> Optional.of(ATTENTION_OUT);
      case ATTENTION_OUT -> Optional.of(MLP_IN);
      case MLP_IN -> Optional.of(MLP_OUT);
      case MLP_OUT -> Optional.empty();
    };
  }
}
