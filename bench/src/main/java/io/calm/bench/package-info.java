/**
 * Measuring the machine, the kernels and whole decoders, in turns with what they are held against.
 */
@NullMarked
package io.calm.bench;

import org.jspecify.annotations.NullMarked;
