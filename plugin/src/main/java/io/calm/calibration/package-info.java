/** Token windows, replay block by block, activation statistics. Knows no quantizer. */
@NullMarked
package io.calm.calibration;

import org.jspecify.annotations.NullMarked;
