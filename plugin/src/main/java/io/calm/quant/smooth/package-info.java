/** SmoothQuant (arXiv 2211.10438): scales that move activation outliers into the weights. */
@NullMarked
package io.calm.quant.smooth;

import org.jspecify.annotations.NullMarked;
