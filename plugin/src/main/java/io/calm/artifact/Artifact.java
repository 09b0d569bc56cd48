package io.calm.artifact;

import io.calm.model.QuantizedModel;
import io.calm.search.QuantPlan;
import java.nio.file.Path;

/**
 * A finished quantized model whose every byte has been verified.
 *
 * <p>The model's weights are read-only mapped memory; it stays valid, and its mapping stays, as
 * long as anything refers to it, also when the directory is deleted. There is nothing to close.
 *
 * @param directory where it lies; its files never change
 * @param sizeInBytes of all its files
 */
public record Artifact(
    ArtifactKey key, Path directory, QuantizedModel model, QuantPlan plan, long sizeInBytes) {}
