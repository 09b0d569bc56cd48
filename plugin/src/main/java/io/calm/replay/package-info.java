/**
 * Full-precision transformer blocks on DJL's PyTorch engine: hidden states, column statistics and
 * linear algebra. The search and the evaluation load the engine; serving a finished artifact does
 * so only with {@code calm.backend=pytorch}.
 */
@NullMarked
package io.calm.replay;

import org.jspecify.annotations.NullMarked;
