/**
 * Model directories and files: Hugging Face config, safetensors, GGUF, tokenizer, chat template,
 * generation defaults. Knows no quantization and no devices.
 */
@NullMarked
package io.calm.checkpoint;

import org.jspecify.annotations.NullMarked;
