package io.calm.jinja;

/** Reports a failure to parse or render a template. */
public abstract sealed class TemplateException extends RuntimeException
    permits TemplateSyntaxException,
        TemplateRuntimeException,
        TemplateRaisedException,
        TemplateLimitException {
  private static final long serialVersionUID = 1L;

  TemplateException(String message) {
    super(message);
  }
}
