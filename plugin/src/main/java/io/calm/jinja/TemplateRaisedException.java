package io.calm.jinja;

/** A template's own refusal by {@code raise_exception}; the message is the template's words. */
public final class TemplateRaisedException extends TemplateException {
  private static final long serialVersionUID = 1L;

  TemplateRaisedException(String message, int line) {
    super(message, line);
  }
}
