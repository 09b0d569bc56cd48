/** Calibration texts, sequences that a model samples itself, and the sets made of both. */
@NullMarked
package io.calm.calibration;

import org.jspecify.annotations.NullMarked;
