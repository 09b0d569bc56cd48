package io.calm.model;

import java.util.List;

/**
 * Topology and sizes of a decoder-only model of the LLaMA family, as data.
 *
 * @param architecture the family's name as the checkpoint has it, e.g. {@code llama}, {@code qwen2}
 * @param hidden D, width of the residual stream
 * @param layers number of blocks
 * @param heads query heads
 * @param kvHeads key-value heads; divides {@code heads}
 * @param headDim width of a head; {@code heads * headDim} need not be {@code hidden}
 * @param intermediate F, width of the feed-forward
 * @param vocabulary V, rows of the embedding table
 * @param maxContext positions the model was trained for, scaling included
 * @param rmsEpsilon added to the mean square in every RMSNorm
 * @param rope rotary embedding
 * @param tiedEmbeddings lm_head is the embedding table
 * @param biases the linears that have a bias
 * @param headNorms q and k are RMS-normalized head by head before the rotation (Qwen3)
 * @param windows attention window of each block in tokens, 0 = all; a token sees itself and the
 *     {@code window - 1} tokens before it
 */
public record ModelSpec(
    String architecture,
    int hidden,
    int layers,
    int heads,
    int kvHeads,
    int headDim,
    int intermediate,
    int vocabulary,
    int maxContext,
    float rmsEpsilon,
    RopeSpec rope,
    boolean tiedEmbeddings,
    java.util.Set<LinearRole> biases,
    boolean headNorms,
    List<Integer> windows) {

  public ModelSpec {
    biases = java.util.Set.copyOf(biases);
    windows = List.copyOf(windows);
    requirePositive("hidden", hidden);
    requirePositive("layers", layers);
    requirePositive("heads", heads);
    requirePositive("kvHeads", kvHeads);
    requirePositive("headDim", headDim);
    requirePositive("intermediate", intermediate);
    requirePositive("vocabulary", vocabulary);
    requirePositive("maxContext", maxContext);
    if (heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          "%d key-value heads do not divide %d query heads".formatted(kvHeads, heads));
    }
    if (headDim % 2 != 0) {
      throw new IllegalArgumentException("rotary pairs need an even headDim, got " + headDim);
    }
    if (windows.size() != layers) {
      throw new IllegalArgumentException(
          "windows: expected %d entries, got %d".formatted(layers, windows.size()));
    }
  }

  private static void requirePositive(String name, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException("%s must be positive, got %d".formatted(name, value));
    }
  }

  /** Returns N, the outputs of a linear of the block. */
  public int outputs(LinearRole role) {
    return switch (role) {
      case Q -> heads * headDim;
      case K, V -> kvHeads * headDim;
      case O, DOWN -> hidden;
      case GATE, UP -> intermediate;
    };
  }

  /** Returns K, the inputs of a linear of the block. */
  public int inputs(LinearRole role) {
    return inputs(role.stage());
  }

  /** Returns the width of a stage's activation. */
  public int inputs(Stage stage) {
    return switch (stage) {
      case ATTENTION_IN, MLP_IN -> hidden;
      case ATTENTION_OUT -> heads * headDim;
      case MLP_OUT -> intermediate;
    };
  }

  /** Returns the norms that every block has. */
  public List<NormRole> norms() {
    return headNorms ? List.of(NormRole.values()) : List.of(NormRole.ATTENTION, NormRole.MLP);
  }

  /** Returns the length of a norm's weight. */
  public int width(NormRole norm) {
    return switch (norm) {
      case ATTENTION, MLP -> hidden;
      case Q_HEAD, K_HEAD -> headDim;
    };
  }
}
