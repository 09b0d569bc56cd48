/**
 * Full-precision transformer blocks on DJL's PyTorch engine: hidden states, column statistics and
 * linear algebra. Only the search and the evaluation load the engine; serving a finished artifact
 * does not.
 */
@NullMarked
package io.calm.replay;

import org.jspecify.annotations.NullMarked;
