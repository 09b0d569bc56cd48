/**
 * The GGUF format of llama.cpp: files, metadata, and the models that they describe. Source: the
 * GGUF specification in ggml's {@code docs/gguf.md}.
 */
@NullMarked
package io.calm.checkpoint.gguf;

import org.jspecify.annotations.NullMarked;
