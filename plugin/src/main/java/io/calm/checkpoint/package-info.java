/**
 * Checkpoints: Hugging Face directories and GGUF files, with weights, tokenizer, chat template and
 * generation defaults. {@link io.calm.checkpoint.open.Checkpoints} opens one. Independent of
 * quantization and devices.
 */
@NullMarked
package io.calm.checkpoint;

import org.jspecify.annotations.NullMarked;
