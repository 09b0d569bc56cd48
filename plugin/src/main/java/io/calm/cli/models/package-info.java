/** Models by recipe: where a file comes from, its hashes, and the cache it is put in. */
@NullMarked
package io.calm.cli.models;

import org.jspecify.annotations.NullMarked;
