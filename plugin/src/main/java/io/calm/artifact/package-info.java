/**
 * Quantized models on disk: format, key, locks, atomic publication, checksums. {@link
 * io.calm.artifact.ArtifactStore} describes the design, docs/reference/artifact-format.md the
 * format.
 */
@NullMarked
package io.calm.artifact;

import org.jspecify.annotations.NullMarked;
