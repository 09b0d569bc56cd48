/** What the commands show while they work: a progress bar on a terminal, plain lines elsewhere. */
@NullMarked
package io.calm.cli.terminal;

import org.jspecify.annotations.NullMarked;
