/** Metric names, units and histograms, independent of the publisher. */
@NullMarked
package io.calm.metrics;

import org.jspecify.annotations.NullMarked;
