/**
 * Packed models on disk: format, key, locks, atomic publish, checksums. The format is described in
 * docs/reference/artifact-format.md.
 */
@NullMarked
package io.calm.artifact;

import org.jspecify.annotations.NullMarked;
