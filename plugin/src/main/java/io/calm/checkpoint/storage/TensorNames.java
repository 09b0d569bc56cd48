package io.calm.checkpoint.storage;

import io.calm.model.LinearRole;
import io.calm.model.NormRole;

/** How a format names the tensors of a LLaMA-family model. */
public interface TensorNames {

  /** Returns the embedding table, [V, D]. */
  String embeddings();

  /** Returns the weight of the norm before the head, [D]. */
  String finalNorm();

  /** Returns the lm_head, [V, D], of models whose embeddings are not tied. */
  String head();

  /** Returns what the names of block {@code layer} start with. */
  String block(int layer);

  /** Returns a linear of block {@code layer} without its suffix. */
  String linear(int layer, LinearRole role);

  /** Returns a norm's weight of block {@code layer}. */
  String norm(int layer, NormRole role);

  default String weight(int layer, LinearRole role) {
    return linear(layer, role) + ".weight";
  }

  default String bias(int layer, LinearRole role) {
    return linear(layer, role) + ".bias";
  }
}
