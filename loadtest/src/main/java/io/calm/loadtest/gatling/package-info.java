/** Gatling actions that are done when a future is. */
package io.calm.loadtest.gatling;
