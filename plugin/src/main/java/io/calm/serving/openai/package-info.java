/** OpenAI's schema: completions and chat completions. */
@NullMarked
package io.calm.serving.openai;

import org.jspecify.annotations.NullMarked;
