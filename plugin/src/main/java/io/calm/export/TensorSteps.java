package io.calm.export;

import io.calm.checkpoint.storage.TensorNames;

/**
 * Reports the progress of an export whose tensors are written in the order of the model: a step
 * with the first tensor of each block and with each table. Not thread safe.
 */
public final class TensorSteps {
  private final TensorNames names;
  private final int layers;
  private final ExportProgress progress;
  private int next;

  /**
   * Creates a reporter.
   *
   * @param names the names of the format's tensors
   * @param layers number of blocks
   */
  public TensorSteps(TensorNames names, int layers, ExportProgress progress) {
    this.names = names;
    this.layers = layers;
    this.progress = progress;
  }

  /** Reports the tensor {@code name}, which is written next. */
  public void at(String name) {
    if (next < layers && name.startsWith(names.block(next))) {
      progress.at("block", next++, layers);
    } else if (name.equals(names.embeddings())) {
      progress.at("embeddings", 0, 1);
    } else if (name.equals(names.head())) {
      progress.at("lm_head", 0, 1);
    }
  }
}
