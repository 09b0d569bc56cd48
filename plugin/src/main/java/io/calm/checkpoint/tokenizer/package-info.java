/**
 * Tokenizers from {@code tokenizer.json} or from GGUF metadata. Both run on the Hugging Face
 * tokenizers library (through DJL), so that token ids equal those of the reference. GGUF metadata
 * is converted to a {@code tokenizer.json} first.
 */
@NullMarked
package io.calm.checkpoint.tokenizer;

import org.jspecify.annotations.NullMarked;
