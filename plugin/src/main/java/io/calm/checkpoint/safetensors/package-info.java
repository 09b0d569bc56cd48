/**
 * The safetensors format of Hugging Face: reader and writer. Source: the format description in the
 * safetensors README.
 */
@NullMarked
package io.calm.checkpoint.safetensors;

import org.jspecify.annotations.NullMarked;
