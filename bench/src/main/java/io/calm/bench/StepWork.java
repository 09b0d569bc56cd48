package io.calm.bench;

import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.tensor.QuantizedLinear;

/**
 * The work of one step of a W4A8 decoder with an int4 lm_head, and the time that it needs at least.
 *
 * @param weightBytes codes and grids, read once for all rows
 * @param kvBytes keys and values of all sequences, read once
 * @param products integer multiply-adds of the linears and the lm_head
 * @param attentionProducts float32 multiply-adds of the attention
 */
record StepWork(double weightBytes, double kvBytes, double products, double attentionProducts) {
  private static final int LARGEST_GROUP = 128;
  private static final double GRID_BYTES = 4;

  /** Of an attention: scores and the weighted sum of values. */
  private static final int PRODUCTS_PER_ELEMENT = 2;

  /**
   * Measured limits of the machine.
   *
   * @param readBytes bytes per second
   * @param products integer multiply-adds per second
   * @param floatProducts float32 multiply-adds per second
   */
  record Limits(double readBytes, double products, double floatProducts) {}

  /** The time of reading and the time of computing, in seconds. */
  record Seconds(double memory, double compute) {
    /** Returns the time if nothing overlaps. */
    double sum() {
      return memory + compute;
    }

    /** Returns the time if everything overlaps. */
    double longer() {
      return Math.max(memory, compute);
    }
  }

  /**
   * Returns the work of one decode of {@code sequences} sequences, each with {@code context} tokens
   * including the new one.
   *
   * @param kvBytesPerToken of all blocks
   */
  static StepWork decode(ModelSpec spec, double kvBytesPerToken, int context, int sequences) {
    double tokens = (double) context * sequences;
    return new StepWork(
        weightBytes(spec),
        tokens * kvBytesPerToken,
        sequences * (RandomModel.productsPerToken(spec) + headProducts(spec)),
        tokens * attentionProducts(spec));
  }

  /** Returns the work of the last {@code tokens} tokens of a prompt of {@code context} tokens. */
  static StepWork prefill(ModelSpec spec, double kvBytesPerToken, int context, int tokens) {
    double seen = (double) tokens * context - tokens * (tokens - 1.0) / 2;
    return new StepWork(
        weightBytes(spec),
        context * kvBytesPerToken,
        tokens * RandomModel.productsPerToken(spec) + headProducts(spec),
        seen * attentionProducts(spec));
  }

  /** Returns the bytes of weights that one token reads, lm_head included. */
  static double weightBytes(ModelSpec spec) {
    double bytes = bytes(spec.vocabulary(), spec.hidden());
    for (LinearRole role : LinearRole.values()) {
      bytes += spec.layers() * bytes(spec.outputs(role), spec.inputs(role));
    }
    return bytes;
  }

  private static double bytes(int outputs, int inputs) {
    int group = QuantizedLinear.groupFor(inputs, LARGEST_GROUP);
    return (double) outputs * inputs * (0.5 + GRID_BYTES / group);
  }

  /** Returns the number of weights, embeddings and lm_head included. */
  static double parameters(ModelSpec spec) {
    int tables = spec.tiedEmbeddings() ? 1 : 2;
    return RandomModel.productsPerToken(spec) + tables * headProducts(spec);
  }

  /** Returns the bytes of a model in memory, which has a table of embeddings of its own or not. */
  static double modelBytes(ModelSpec spec) {
    double table = bytes(spec.vocabulary(), spec.hidden());
    return weightBytes(spec) + (spec.tiedEmbeddings() ? 0 : table);
  }

  private static double headProducts(ModelSpec spec) {
    return (double) spec.vocabulary() * spec.hidden();
  }

  private static double attentionProducts(ModelSpec spec) {
    return (double) PRODUCTS_PER_ELEMENT * spec.heads() * spec.headDim() * spec.layers();
  }

  /** Returns the time at the limits; computing takes none where a limit is unknown (0). */
  Seconds seconds(Limits limits) {
    return new Seconds(
        (weightBytes + kvBytes) / limits.readBytes(),
        quotient(products, limits.products())
            + quotient(attentionProducts, limits.floatProducts()));
  }

  private static double quotient(double work, double rate) {
    return rate > 0 ? work / rate : 0;
  }
}
