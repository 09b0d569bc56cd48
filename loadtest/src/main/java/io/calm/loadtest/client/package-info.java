/** A client that reads streamed answers, and when each event came. */
package io.calm.loadtest.client;
