/** The checkpoint's own 4-bit blocks, for checkpoints that are W4A8 already. */
@NullMarked
package io.calm.quant.source;

import org.jspecify.annotations.NullMarked;
