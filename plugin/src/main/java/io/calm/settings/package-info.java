/** The {@code calm.*} keys: names, defaults, ranges and the sources of their values. */
@NullMarked
package io.calm.settings;

import org.jspecify.annotations.NullMarked;
