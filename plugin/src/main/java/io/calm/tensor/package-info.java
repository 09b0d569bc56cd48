/**
 * Int4 and int8 packing, the group layout and the portable reference kernels of W4A8 arithmetic.
 * Knows no models, files or DJL.
 */
@NullMarked
package io.calm.tensor;

import org.jspecify.annotations.NullMarked;
