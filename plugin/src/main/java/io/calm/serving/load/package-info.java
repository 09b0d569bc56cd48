/** The way of a model from its files to a decoder: artifact if there is one, else the search. */
@NullMarked
package io.calm.serving.load;

import org.jspecify.annotations.NullMarked;
