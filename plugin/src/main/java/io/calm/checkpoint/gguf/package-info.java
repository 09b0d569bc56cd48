/** The GGUF format of llama.cpp, and what its metadata say of a model. */
@NullMarked
package io.calm.checkpoint.gguf;

import org.jspecify.annotations.NullMarked;
