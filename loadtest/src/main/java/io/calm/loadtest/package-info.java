/** The load test: what is asked of a server, how fast and how right it answers. */
package io.calm.loadtest;
