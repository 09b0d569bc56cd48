/**
 * Chat templates: Jinja as Hugging Face transformers runs it, on Jinjava. What templates expect of
 * Python (string methods, JSON, dates, operator precedence) is added here; nothing else of Java can
 * be reached from a template.
 */
@NullMarked
package io.calm.checkpoint.template;

import org.jspecify.annotations.NullMarked;
