package io.calm.jinja;

/**
 * Reports an error that Python raises while rendering: an operation on an undefined value, a wrong
 * operand type, a division by zero, or a call that the sandbox forbids.
 */
public final class TemplateRuntimeException extends TemplateException {
  private static final long serialVersionUID = 1L;

  TemplateRuntimeException(String message, int line) {
    super("line " + line + ": " + message);
  }
}
