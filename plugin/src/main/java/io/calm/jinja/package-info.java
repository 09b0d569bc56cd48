/**
 * A template engine for Jinja2, configured like Hugging Face transformers for chat templates. It
 * has the immutable sandbox, {@code trim_blocks}, {@code lstrip_blocks}, loop controls, {@code
 * generation} blocks, {@code raise_exception}, {@code strftime_now} and a {@code tojson} without
 * HTML escapes.
 *
 * <p>A {@link io.calm.jinja.Template} is parsed once into a sealed syntax tree and rendered by an
 * interpreter over a closed set of Python-like values. Nothing uses reflection, so templates cannot
 * access Java objects. {@link io.calm.jinja.TemplateLimits} bounds the work, memory, depth and time
 * of one rendering. The package depends only on the JDK.
 */
@NullMarked
package io.calm.jinja;

import org.jspecify.annotations.NullMarked;
