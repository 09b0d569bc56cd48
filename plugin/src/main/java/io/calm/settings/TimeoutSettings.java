package io.calm.settings;

import java.time.Duration;
import java.util.Optional;

/**
 * Timeouts of requests.
 *
 * @param request maximum time of a request, including its time in the queue; empty: no limit
 * @param slowReader maximum time that a stream waits for a client that does not read
 * @param drain time that running requests have to finish when their model is unloaded or the server
 *     stops
 */
public record TimeoutSettings(Optional<Duration> request, Duration slowReader, Duration drain) {}
