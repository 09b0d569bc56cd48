/** From a parsed body to a reply that can start: which schema it has, and which model answers. */
@NullMarked
package io.calm.serving.text;

import org.jspecify.annotations.NullMarked;
