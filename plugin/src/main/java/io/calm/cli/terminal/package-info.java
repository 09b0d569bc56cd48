/** Progress of the commands: a progress bar on a terminal, plain lines elsewhere. */
@NullMarked
package io.calm.cli.terminal;

import org.jspecify.annotations.NullMarked;
