/** Files and directories that only this process's user, or root, can have written. */
@NullMarked
package io.calm.files;

import org.jspecify.annotations.NullMarked;
