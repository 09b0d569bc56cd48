package io.calm.jinja;

/** Reports a template that is not valid Jinja2 or uses an unsupported construct. */
public final class TemplateSyntaxException extends TemplateException {
  private static final long serialVersionUID = 1L;

  TemplateSyntaxException(String message, int line) {
    super("line " + line + ": " + message);
  }
}
