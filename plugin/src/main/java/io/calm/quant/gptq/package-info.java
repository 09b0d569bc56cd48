/** GPTQ (arXiv 2210.17323): rounding that feeds each column's error into the columns not yet rounded. */
@NullMarked
package io.calm.quant.gptq;

import org.jspecify.annotations.NullMarked;
