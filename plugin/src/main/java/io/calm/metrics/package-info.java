/** Metric names, units and histograms. Does not know who publishes them. */
@NullMarked
package io.calm.metrics;

import org.jspecify.annotations.NullMarked;
