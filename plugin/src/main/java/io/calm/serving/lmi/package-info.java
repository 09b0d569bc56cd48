/** DJL's schema as LMI containers implement it: {@code inputs}, {@code parameters}, JSON lines. */
@NullMarked
package io.calm.serving.lmi;

import org.jspecify.annotations.NullMarked;
