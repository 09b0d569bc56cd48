/** The {@code calm.*} keys: names, defaults, ranges, and where their values are read from. */
@NullMarked
package io.calm.settings;

import org.jspecify.annotations.NullMarked;
