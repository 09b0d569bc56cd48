/** What is asked: prompts, lengths, and which answers are known. */
package io.calm.loadtest.work;
