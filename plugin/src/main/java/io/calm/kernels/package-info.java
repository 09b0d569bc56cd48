/**
 * The native library, its kernel variants, and the kernels that a search calls, in C and in Java.
 * Knows matrices and packed weights; knows no model. Also describes the machine and the build of
 * CALM that a figure was measured with.
 */
@NullMarked
package io.calm.kernels;

import org.jspecify.annotations.NullMarked;
