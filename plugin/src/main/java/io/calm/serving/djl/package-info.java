/** The engine, the model listener and the request handler that DJL Serving sees. */
@NullMarked
package io.calm.serving.djl;

import org.jspecify.annotations.NullMarked;
