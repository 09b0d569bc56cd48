package io.calm.checkpoint.storage;

import io.calm.model.LinearRole;
import io.calm.model.NormRole;

/** The names of a LLaMA-family model's tensors in a checkpoint format. */
public interface TensorNames {

  /** Returns the name of the embedding table, [V, D]. */
  String embeddings();

  /** Returns the name of the final norm's weight, [D]. */
  String finalNorm();

  /** Returns the name of the lm_head, [V, D], which tied models do not have. */
  String head();

  /** Returns the prefix of the names in block {@code layer}. */
  String block(int layer);

  /** Returns the name of a linear of block {@code layer}, without a suffix. */
  String linear(int layer, LinearRole role);

  /** Returns the name of a norm's weight in block {@code layer}. */
  String norm(int layer, NormRole role);

  /** The effect of leaving out a stored tensor that is none of the model's. */
  enum Surplus {
    /** None: its values follow from others, or no answer needs them. */
    REDUNDANT,
    /** Unknown, but transformers leaves it out as well. */
    UNKNOWN,
    /** Other answers. */
    REQUIRED
  }

  /**
   * Returns the effect of leaving out a tensor that is none of the model's.
   *
   * @param layers number of blocks
   * @param predictors number of further blocks, which only predict tokens ahead
   */
  Surplus surplus(String name, int layers, int predictors);

  default String weight(int layer, LinearRole role) {
    return linear(layer, role) + ".weight";
  }

  default String bias(int layer, LinearRole role) {
    return linear(layer, role) + ".bias";
  }
}
