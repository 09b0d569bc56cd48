/** AWQ (arXiv 2306.00978): scales that protect the weights of salient activations. */
@NullMarked
package io.calm.quant.awq;

import org.jspecify.annotations.NullMarked;
