/** Evaluation of a model: logits and perplexity, in full precision and in W4A8. */
@NullMarked
package io.calm.cli.eval;

import org.jspecify.annotations.NullMarked;
