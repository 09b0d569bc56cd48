/** Fixtures shared by the tests of several packages. */
@NullMarked
package io.calm.testing;

import org.jspecify.annotations.NullMarked;
