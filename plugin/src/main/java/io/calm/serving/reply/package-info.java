/**
 * A reply to a text request over any transport: JSON in, requests to the scheduler, events to
 * bytes. It depends on neither Netty nor DJL, so the HTTP handlers and DJL's predictor share it.
 */
@NullMarked
package io.calm.serving.reply;

import org.jspecify.annotations.NullMarked;
