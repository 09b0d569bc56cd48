/** Round to nearest on an unweighted least-squares grid. */
@NullMarked
package io.calm.quant.rtn;

import org.jspecify.annotations.NullMarked;
