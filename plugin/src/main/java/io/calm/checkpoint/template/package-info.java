/**
 * Chat templates of checkpoints: where they are found, and the variables that Hugging Face
 * transformers passes to them. They run on {@code io.calm.jinja}.
 */
@NullMarked
package io.calm.checkpoint.template;

import org.jspecify.annotations.NullMarked;
