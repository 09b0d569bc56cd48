/**
 * Block topology as data: linears, norms, which linears share an input, where a scale folds
 * exactly. Knows neither weight values nor algorithms.
 */
@NullMarked
package io.calm.model;

import org.jspecify.annotations.NullMarked;
