/** What the server says about itself. */
package io.calm.loadtest.server;
