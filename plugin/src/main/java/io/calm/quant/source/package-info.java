/** The checkpoint's own 4-bit blocks, where they are W4A8 modules as they stand. */
@NullMarked
package io.calm.quant.source;

import org.jspecify.annotations.NullMarked;
