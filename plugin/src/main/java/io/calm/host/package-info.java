/**
 * The embedded HTTP host on Netty, which serves the plugin's routes without a DJL Serving
 * installation. {@link io.calm.host.EmbeddedHost} starts it; its pipeline of handlers lists the
 * others in their order.
 */
@NullMarked
package io.calm.host;

import org.jspecify.annotations.NullMarked;
