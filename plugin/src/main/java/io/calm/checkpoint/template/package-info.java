/**
 * Chat templates of checkpoints: their location in the files, and the variables that Hugging Face
 * transformers passes to them. {@code io.calm.jinja} runs them.
 */
@NullMarked
package io.calm.checkpoint.template;

import org.jspecify.annotations.NullMarked;
