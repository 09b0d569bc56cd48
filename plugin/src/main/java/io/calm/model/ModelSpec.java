package io.calm.model;

import java.util.List;
import java.util.Set;

/**
 * The topology and sizes of a decoder-only model of the LLaMA family. Sizes have upper bounds
 * ({@link SizeLimits}), so that their products fit the types of kernels and buffers. A size out of
 * bounds throws a {@link SizeException}.
 *
 * @param architecture name of the family in the checkpoint, e.g. {@code llama}, {@code qwen2}
 * @param hidden D, width of the residual stream
 * @param layers number of blocks
 * @param heads query heads
 * @param kvHeads key-value heads; divides {@code heads}
 * @param headDim width of a head; {@code heads * headDim} need not be {@code hidden}
 * @param intermediate F, width of the feed-forward
 * @param vocabulary V, rows of the embedding table
 * @param maxContext maximum number of positions, including RoPE scaling
 * @param rmsEpsilon added to the mean square in every RMSNorm
 * @param rope rotary embedding
 * @param tiedEmbeddings whether lm_head is the embedding table
 * @param biases the linears that have a bias
 * @param headNorms whether each head of q and k is RMS-normalized before the rotation (Qwen3)
 * @param windows attention window of each block in tokens, 0 for all; a token attends to itself and
 *     the {@code window - 1} tokens before it
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
    Set<LinearRole> biases,
    boolean headNorms,
    List<Integer> windows) {

  /** Maximum number of blocks; a larger number indicates a damaged file. */
  public static final int MAX_LAYERS = 4096;

  /**
   * Maximum number of query heads per key-value head, which is the capacity of the native
   * attention.
   */
  public static final int MAX_SHARED_HEADS = 128;

  public ModelSpec {
    biases = Set.copyOf(biases);
    windows = List.copyOf(windows);
    new SizeLimits(hidden, layers, heads, kvHeads, headDim, intermediate, vocabulary).check();
    SizeLimits.requireBetween("maxContext", maxContext, 1, Integer.MAX_VALUE);
    SizeLimits.requireBetween("rmsEpsilon", rmsEpsilon, 0, 1);
    if (windows.size() != layers) {
      throw new SizeException(
          "windows", "%d entries, one per block".formatted(layers), windows.size());
    }
    for (int window : windows) {
      SizeLimits.requireBetween("windows", window, 0, Integer.MAX_VALUE);
    }
  }

  /** Returns a copy with {@code tiedEmbeddings} replaced. */
  public ModelSpec withTiedEmbeddings(boolean tied) {
    return new ModelSpec(
        architecture,
        hidden,
        layers,
        heads,
        kvHeads,
        headDim,
        intermediate,
        vocabulary,
        maxContext,
        rmsEpsilon,
        rope,
        tied,
        biases,
        headNorms,
        windows);
  }

  /** Returns N, the number of outputs of a linear. */
  public int outputs(LinearRole role) {
    return switch (role) {
      case Q -> Math.multiplyExact(heads, headDim);
      case K, V -> Math.multiplyExact(kvHeads, headDim);
      case O, DOWN -> hidden;
      case GATE, UP -> intermediate;
    };
  }

  /** Returns K, the number of inputs of a linear. */
  public int inputs(LinearRole role) {
    return inputs(role.stage());
  }

  /** Returns the width of a stage's activation. */
  public int inputs(Stage stage) {
    return switch (stage) {
      case ATTENTION_IN, MLP_IN -> hidden;
      case ATTENTION_OUT -> Math.multiplyExact(heads, headDim);
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
