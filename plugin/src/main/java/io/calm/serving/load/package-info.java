/** Loads models for serving: memory budgets, the artifact or its making, scheduler, errors. */
@NullMarked
package io.calm.serving.load;

import org.jspecify.annotations.NullMarked;
