/** The checkpoint's own 4-bit blocks, for checkpoints whose linears are W4A8 codes already. */
@NullMarked
package io.calm.quant.source;

import org.jspecify.annotations.NullMarked;
