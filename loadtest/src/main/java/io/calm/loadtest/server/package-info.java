/** The server's status and metrics. */
package io.calm.loadtest.server;
