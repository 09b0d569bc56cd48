/** The command {@code calm loadtest}: several runs against several servers, and one summary. */
package io.calm.loadtest.trial;
