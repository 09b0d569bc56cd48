/**
 * The benchmarks of {@code ./calm bench}: kernels and whole decoders, measured in turns with the
 * limits of the machine and with other libraries.
 */
@NullMarked
package io.calm.bench;

import org.jspecify.annotations.NullMarked;
