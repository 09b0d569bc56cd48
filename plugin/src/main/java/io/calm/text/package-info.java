/** Text for people: how foreign strings are shown in logs, messages and answers. */
@NullMarked
package io.calm.text;

import org.jspecify.annotations.NullMarked;
