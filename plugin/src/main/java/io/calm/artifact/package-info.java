/** Packed models on disk: format, key, locks, atomic publish, checksums. */
@NullMarked
package io.calm.artifact;

import org.jspecify.annotations.NullMarked;
