/**
 * Post-training quantizers: one package per paper, on matrices. Knows no search, disk or HTTP.
 */
@NullMarked
package io.calm.quant;

import org.jspecify.annotations.NullMarked;
