/**
 * Access to files: directories and files that only this process's user or root can write, and texts
 * of the user.
 */
@NullMarked
package io.calm.files;

import org.jspecify.annotations.NullMarked;
