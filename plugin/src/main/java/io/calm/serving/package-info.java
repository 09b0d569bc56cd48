/** The DJL engine, HTTP and JSON, streaming, errors to status codes, and the wiring of a model. */
@NullMarked
package io.calm.serving;

import org.jspecify.annotations.NullMarked;
