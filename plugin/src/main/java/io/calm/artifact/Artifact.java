package io.calm.artifact;

import io.calm.model.QuantizedModel;
import io.calm.search.QuantPlan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;

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

  /** Returns the time of its publication: that of the manifest; the epoch if it cannot be read. */
  public Instant created() {
    try {
      return Files.getLastModifiedTime(directory.resolve(Manifest.NAME)).toInstant();
    } catch (IOException e) { // deleted since; its pages remain mapped
      return Instant.EPOCH;
    }
  }

  /** Unmaps the files when the last lease is given back. */
  @Override
  public void close() {
    model.lifetime().close();
  }
}
