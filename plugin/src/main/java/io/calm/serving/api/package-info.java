/**
 * Text generation over any transport: JSON in, requests to the scheduler, events to bytes. Knows
 * neither Netty nor DJL, so that the HTTP handlers and DJL's predictor share it.
 */
@NullMarked
package io.calm.serving.api;

import org.jspecify.annotations.NullMarked;
