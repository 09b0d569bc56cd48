/**
 * Validation of {@code tokenizer.json}. The native library aborts the whole process on some files,
 * and on some texts afterwards; its panics cannot be caught. {@link
 * io.calm.checkpoint.tokenizer.json.CheckedTokenizer} therefore parses a file strictly, validates
 * it against the library's schema, rejects values that are known to cause a panic, and writes a new
 * file from the validated values.
 */
@NullMarked
package io.calm.checkpoint.tokenizer.json;

import org.jspecify.annotations.NullMarked;
