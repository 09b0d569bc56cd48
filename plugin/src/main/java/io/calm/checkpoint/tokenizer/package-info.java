/**
 * Text to token ids and back, from {@code tokenizer.json} or from a GGUF file's metadata. Both end
 * in the same library (Hugging Face tokenizers, through DJL), so that ids are the reference's.
 */
@NullMarked
package io.calm.checkpoint.tokenizer;

import org.jspecify.annotations.NullMarked;
