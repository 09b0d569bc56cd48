/** What the tests of every room share. */
@NullMarked
package io.calm.testing;

import org.jspecify.annotations.NullMarked;
