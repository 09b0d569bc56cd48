package io.calm.artifact;

import io.calm.model.QuantizedModel;
import io.calm.search.QuantPlan;
import java.nio.file.Path;

/**
 * A finished quantized model. Every byte of it has been verified.
 *
 * <p>The weights are read-only mapped memory. They stay valid when the directory is deleted: until
 * {@link #close}, and for a holder of a lease of the model's lifetime, such as a decoder, until the
 * lease ends. An artifact can therefore be closed as soon as its decoder exists. An artifact that
 * is never closed is unmapped with the last reference to it.
 *
 * @param directory directory of the files, which never change
 * @param sizeInBytes size of all its files
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
