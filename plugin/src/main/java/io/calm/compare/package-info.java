/** Latency of a served model against its uniform twin: a paired probe and a shadow share. */
@NullMarked
package io.calm.compare;

import org.jspecify.annotations.NullMarked;
