/**
 * The check of {@code tokenizer.json}. The native library aborts the whole process on some files
 * that it parses, and on some texts afterwards; a panic cannot be caught. Here a file is parsed
 * strictly, compared with the library's schema, cleared of every value that is known to panic, and
 * written again from what was checked.
 */
@NullMarked
package io.calm.checkpoint.tokenizer.json;

import org.jspecify.annotations.NullMarked;
