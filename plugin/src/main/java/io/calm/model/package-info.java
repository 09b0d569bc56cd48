/**
 * The topology of a model as data: sizes, linears, norms, stages (linears that share an input) and
 * fold sites (places into which a scale folds exactly). Knows no algorithms.
 */
@NullMarked
package io.calm.model;

import org.jspecify.annotations.NullMarked;
