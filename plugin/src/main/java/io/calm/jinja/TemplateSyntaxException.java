package io.calm.jinja;

/** A template that is not Jinja2, or uses a construct that this engine refuses. */
public final class TemplateSyntaxException extends TemplateException {
  private static final long serialVersionUID = 1L;

  TemplateSyntaxException(String message, int line) {
    super("line " + line + ": " + message, line);
  }
}
