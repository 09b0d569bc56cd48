/**
 * Text generation: continuous batching, KV block allocation, the prefix cache, sampling and stop
 * strings. {@link io.calm.generate.Scheduler} is the entry point and documents the design. Knows
 * neither DJL nor JSON nor kernels.
 */
@NullMarked
package io.calm.generate;

import org.jspecify.annotations.NullMarked;
