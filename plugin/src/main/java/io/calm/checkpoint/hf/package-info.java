/** Hugging Face model directories: config.json in its old and new style, and sharded weights. */
@NullMarked
package io.calm.checkpoint.hf;

import org.jspecify.annotations.NullMarked;
