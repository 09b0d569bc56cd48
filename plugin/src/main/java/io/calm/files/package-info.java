/** Access to files and directories that only this process's user or root can write. */
@NullMarked
package io.calm.files;

import org.jspecify.annotations.NullMarked;
