/**
 * Hugging Face model directories: config.json as transformers 4 and 5 write it, and weights in one
 * file or in shards.
 */
@NullMarked
package io.calm.checkpoint.hf;

import org.jspecify.annotations.NullMarked;
