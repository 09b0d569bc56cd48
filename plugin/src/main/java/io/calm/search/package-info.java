/**
 * The greedy choice of an algorithm for each block, with its plan, progress and guard. Knows
 * neither the inside of an algorithm nor files.
 */
@NullMarked
package io.calm.search;

import org.jspecify.annotations.NullMarked;
