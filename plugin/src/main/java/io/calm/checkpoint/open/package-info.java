/** Opens checkpoints of every supported format. */
@NullMarked
package io.calm.checkpoint.open;

import org.jspecify.annotations.NullMarked;
