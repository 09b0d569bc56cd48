/**
 * DJL's PyTorch engine: numeric programs as TorchScript text in the resources, and the {@link
 * io.calm.runtime.Decoder} that runs a quantized model with one, on the CPU or on a CUDA device.
 */
@NullMarked
package io.calm.torch;

import org.jspecify.annotations.NullMarked;
