/** The export to GGUF, the format of llama.cpp. */
@NullMarked
package io.calm.export.gguf;

import org.jspecify.annotations.NullMarked;
