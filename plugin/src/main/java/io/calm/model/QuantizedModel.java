package io.calm.model;

import io.calm.tensor.Lifetime;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import java.util.List;

/**
 * A quantized model, with all blocks in W4A8, as stored in an artifact and run by a decoder.
 *
 * @param blocks one per layer
 * @param embeddings [V, D]
 * @param head lm_head [V, D]; the same object as {@code embeddings} if they are tied and have the
 *     same format
 * @param finalNorm weight [D] of the norm before the head
 * @param activation granularity of the activation scales
 * @param lifetime lifetime of the memory of blocks and tables; readers must hold a lease
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

  /** Creates a model whose memory is freed by the garbage collector. */
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
