package io.calm.jinja;

/** Reports a failure to parse or render a template. */
public abstract sealed class TemplateException extends RuntimeException
    permits TemplateSyntaxException,
        TemplateRuntimeException,
        TemplateRaisedException,
        TemplateLimitException {
  private static final long serialVersionUID = 1L;

  private final int line;

  TemplateException(String message, int line) {
    super(message);
    this.line = line;
  }

  /** Returns the line of the template, from 1. */
  public final int line() {
    return line;
  }
}
