/**
 * An engine for Jinja2 templates as Hugging Face transformers sets Jinja2 up for chat templates:
 * the immutable sandbox, {@code trim_blocks}, {@code lstrip_blocks}, loop controls, {@code
 * generation} blocks, {@code raise_exception}, {@code strftime_now} and a {@code tojson} without
 * HTML escapes.
 *
 * <p>A {@link io.calm.jinja.Template} is parsed once to a sealed tree and rendered by an
 * interpreter over a closed set of Python-like values. Nothing uses reflection, so a template
 * reaches no Java object. {@link io.calm.jinja.Limits} bound the work, memory, depth and time of
 * one rendering. The package depends on nothing but the JDK.
 */
@NullMarked
package io.calm.jinja;

import org.jspecify.annotations.NullMarked;
