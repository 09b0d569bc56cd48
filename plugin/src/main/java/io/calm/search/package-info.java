/**
 * The search for the algorithm of each block, with its plan, progress and guard. {@link
 * io.calm.search.Search} describes the design. The package knows neither the inside of an algorithm
 * nor files.
 */
@NullMarked
package io.calm.search;

import org.jspecify.annotations.NullMarked;
