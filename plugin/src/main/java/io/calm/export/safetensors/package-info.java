/** The export to a Hugging Face directory with dequantized weights in safetensors files. */
@NullMarked
package io.calm.export.safetensors;

import org.jspecify.annotations.NullMarked;
