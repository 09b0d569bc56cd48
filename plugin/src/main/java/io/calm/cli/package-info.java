/** The commands. */
@NullMarked
package io.calm.cli;

import org.jspecify.annotations.NullMarked;
