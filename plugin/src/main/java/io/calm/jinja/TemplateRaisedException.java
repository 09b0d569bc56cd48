package io.calm.jinja;

/** Reports that a template called {@code raise_exception}; the message is the template's. */
public final class TemplateRaisedException extends TemplateException {
  private static final long serialVersionUID = 1L;

  TemplateRaisedException(String message) {
    super(message);
  }
}
