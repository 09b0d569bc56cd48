/** DJL's schema, as LMI containers answer it: {@code inputs}, {@code parameters}, JSON lines. */
@NullMarked
package io.calm.serving.lmi;

import org.jspecify.annotations.NullMarked;
