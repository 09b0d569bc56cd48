package io.calm.jinja;

/** A rendering that exceeds one of the {@link Limits}. */
public final class TemplateLimitException extends TemplateException {
  private static final long serialVersionUID = 1L;

  TemplateLimitException(String message, int line) {
    super("line " + line + ": " + message, line);
  }
}
