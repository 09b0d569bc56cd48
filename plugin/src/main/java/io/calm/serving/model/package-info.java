/** The models of a server: the registry, a served model, its status and its unloading. */
@NullMarked
package io.calm.serving.model;

import org.jspecify.annotations.NullMarked;
