/** The {@code calm.*} keys: names, defaults, ranges, and where their values are read from. */
@NullMarked
package io.calm.serving.settings;

import org.jspecify.annotations.NullMarked;
