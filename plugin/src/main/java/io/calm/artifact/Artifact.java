package io.calm.artifact;

import io.calm.model.QuantizedModel;
import io.calm.search.QuantPlan;
import java.nio.file.Path;

/**
 * A finished quantized model whose every byte has been verified.
 *
 * <p>The model's weights are read-only mapped memory, which stays valid also when the directory is
 * deleted: until {@link #close}, and beyond it for those who hold a lease of the model's lifetime,
 * as decoders do. So it can be closed as soon as its decoder was made. An artifact that nobody
 * closes goes with the last reference to it.
 *
 * @param directory where it lies; its files never change
 * @param sizeInBytes of all its files
 */
public record Artifact(
    ArtifactKey key, Path directory, QuantizedModel model, QuantPlan plan, long sizeInBytes)
    implements AutoCloseable {

  /** Unmaps the files when the last lease is given back. */
  @Override
  public void close() {
    model.lifetime().close();
  }
}
