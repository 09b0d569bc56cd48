/** Picks the model and the schema of a parsed request and prepares its reply. */
@NullMarked
package io.calm.serving.dispatch;

import org.jspecify.annotations.NullMarked;
