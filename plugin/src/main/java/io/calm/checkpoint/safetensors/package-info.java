/** The safetensors format, read and written. */
@NullMarked
package io.calm.checkpoint.safetensors;

import org.jspecify.annotations.NullMarked;
