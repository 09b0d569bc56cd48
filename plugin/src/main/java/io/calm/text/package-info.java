/** The safe printing of untrusted strings in logs, messages and answers. */
@NullMarked
package io.calm.text;

import org.jspecify.annotations.NullMarked;
