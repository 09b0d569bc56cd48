/** Loading of models for serving: memory budgets, the artifact, the scheduler, errors. */
@NullMarked
package io.calm.serving.load;

import org.jspecify.annotations.NullMarked;
