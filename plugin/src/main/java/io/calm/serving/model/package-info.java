/** The models that a server has: the registry, a served model, its status and its unloading. */
@NullMarked
package io.calm.serving.model;

import org.jspecify.annotations.NullMarked;
