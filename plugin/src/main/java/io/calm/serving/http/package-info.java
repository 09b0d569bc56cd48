/** HTTP over Netty: routes, answers, and clients that are slow or gone. */
@NullMarked
package io.calm.serving.http;

import org.jspecify.annotations.NullMarked;
