/**
 * The {@link io.calm.runtime.Decoder} that runs a quantized model, in Java and in C, and the
 * storage of its KV blocks. Knows neither request queues nor HTTP.
 */
@NullMarked
package io.calm.runtime;

import org.jspecify.annotations.NullMarked;
