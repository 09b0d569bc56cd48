/** Sequences, scheduler, sampling and stops. Knows no DJL, JSON or kernels. */
@NullMarked
package io.calm.generate;

import org.jspecify.annotations.NullMarked;
