/**
 * Full-precision and W4A8 transformer blocks over whole windows, on the native kernels or DJL's
 * PyTorch engine: hidden states, column statistics and linear algebra. The search and the
 * evaluation load the engine; serving an artifact does so only with {@code calm.backend=pytorch}.
 */
@NullMarked
package io.calm.replay;

import org.jspecify.annotations.NullMarked;
