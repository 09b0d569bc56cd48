package io.calm.jinja;

/** Reports a rendering that exceeds one of the {@link TemplateLimits}. */
public final class TemplateLimitException extends TemplateException {
  private static final long serialVersionUID = 1L;

  TemplateLimitException(String message, int line) {
    super("line " + line + ": " + message);
  }
}
