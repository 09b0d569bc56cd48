package io.calm.model;

import io.calm.tensor.Lifetime;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import java.util.List;

/**
 * A model whose every block is W4A8: what the artifact stores and the runtime serves.
 *
 * @param blocks one for each layer
 * @param embeddings [V, D]
 * @param head lm_head [V, D]; the same object as {@code embeddings} where they are tied and of one
 *     format
 * @param finalNorm weight [D] of the norm before the head
 * @param activation one int8 scale a token and group, or one a token
 * @param lifetime of the memory of blocks and tables: who reads them holds a lease
 */
@SuppressWarnings("ArrayRecordComponent") // finalNorm: a bulk value, read only
public record QuantizedModel(
    ModelSpec spec,
    List<BlockParameters<QuantizedLinear>> blocks,
    TokenTable embeddings,
    TokenTable head,
    float[] finalNorm,
    ActivationMode activation,
    Lifetime lifetime) {

  public QuantizedModel {
    blocks = List.copyOf(blocks);
    if (blocks.size() != spec.layers()) {
      throw new IllegalArgumentException(
          "expected %d blocks, got %d".formatted(spec.layers(), blocks.size()));
    }
  }

  /** Makes a model whose memory the garbage collector frees. */
  public QuantizedModel(
      ModelSpec spec,
      List<BlockParameters<QuantizedLinear>> blocks,
      TokenTable embeddings,
      TokenTable head,
      float[] finalNorm,
      ActivationMode activation) {
    this(spec, blocks, embeddings, head, finalNorm, activation, Lifetime.collected());
  }
}
