/**
 * Exports of a quantized model to the formats of other engines, one subpackage per format. An
 * export holds one block in memory and publishes its output with one rename.
 */
@NullMarked
package io.calm.export;

import org.jspecify.annotations.NullMarked;
