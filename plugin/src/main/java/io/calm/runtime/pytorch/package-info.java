/**
 * The full-precision forward, block by block, and linear algebra on the DJL PyTorch engine. Loaded
 * by the search and the evaluation only: a server with a finished artifact never touches it.
 */
@NullMarked
package io.calm.runtime.pytorch;

import org.jspecify.annotations.NullMarked;
