package io.calm.checkpoint.template;

/**
 * Something that a template may not do. (Jinjava swallows an {@link IllegalArgumentException} that
 * comes out of a method call.)
 */
final class TemplateFault extends RuntimeException {
  private static final long serialVersionUID = 1L;

  TemplateFault(String message) {
    super(message);
  }
}
