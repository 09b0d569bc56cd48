/**
 * Quantization of a checkpoint to an artifact: calibration, search, tables, publication. The
 * command line, the embedded host and the DJL engine all quantize through {@link
 * io.calm.quantize.QuantizedModelStore}.
 */
@NullMarked
package io.calm.quantize;

import org.jspecify.annotations.NullMarked;
