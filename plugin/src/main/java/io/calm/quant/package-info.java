/**
 * Post-training quantizers: the math of one paper each, on matrices. Knows no search, disk or HTTP.
 */
@NullMarked
package io.calm.quant;

import org.jspecify.annotations.NullMarked;
