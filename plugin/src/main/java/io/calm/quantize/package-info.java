/**
 * From a checkpoint and settings to an artifact: calibration, search, tables, publication. The
 * command line, the embedded host and the DJL engine all quantize through this package.
 */
@NullMarked
package io.calm.quantize;

import org.jspecify.annotations.NullMarked;
