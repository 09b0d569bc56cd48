/** The command line: one class per command, and the options they share. */
@NullMarked
package io.calm.cli;

import org.jspecify.annotations.NullMarked;
