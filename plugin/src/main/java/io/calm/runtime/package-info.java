/**
 * The decoder and its backends, and the storage of keys and values. Knows no queues and no HTTP.
 */
@NullMarked
package io.calm.runtime;

import org.jspecify.annotations.NullMarked;
