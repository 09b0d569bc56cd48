/**
 * Similarity of two matrices whose rows are the same tokens. Knows neither layers nor quantizers.
 */
@NullMarked
package io.calm.cka;

import org.jspecify.annotations.NullMarked;
