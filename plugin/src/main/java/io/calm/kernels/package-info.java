/**
 * The native library and the kernels that a decoder step and a search call, in C and in Java. Knows
 * matrices and packed weights; knows no model.
 */
@NullMarked
package io.calm.kernels;

import org.jspecify.annotations.NullMarked;
