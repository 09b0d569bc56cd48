/** The requests: prompts, lengths, and known answers. */
package io.calm.loadtest.work;
