/** The embedded Netty host, which serves without a DJL Serving installation. */
@NullMarked
package io.calm.host;

import org.jspecify.annotations.NullMarked;
