/** Models that come by recipe: the origin of a file, its hashes, and the cache that holds it. */
@NullMarked
package io.calm.cli.models;

import org.jspecify.annotations.NullMarked;
