/**
 * Similarity of two matrices whose rows belong to the same tokens. Knows neither layers nor
 * quantizers.
 */
@NullMarked
package io.calm.cka;

import org.jspecify.annotations.NullMarked;
