package io.calm.jinja;

/** A failure inside the engine, without a line number; {@link Template} adds the line. */
final class Fault extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The kinds of failure, each of which maps to one public exception. */
  enum Kind {
    ERROR,
    LIMIT,
    RAISED
  }

  private final Kind kind;
  private final String text;

  private Fault(Kind kind, String text) {
    super(text, null, false, false);
    this.kind = kind;
    this.text = text;
  }

  @SuppressWarnings("AnnotateFormatMethod") // the annotation is a library's
  static Fault error(String message, Object... arguments) {
    return new Fault(Kind.ERROR, arguments.length == 0 ? message : message.formatted(arguments));
  }

  static Fault limit(String message) {
    return new Fault(Kind.LIMIT, message);
  }

  static Fault raised(String message) {
    return new Fault(Kind.RAISED, message);
  }

  TemplateException at(int line) {
    return switch (kind) {
      case ERROR -> new TemplateRuntimeException(text, line);
      case LIMIT -> new TemplateLimitException(text, line);
      case RAISED -> new TemplateRaisedException(text);
    };
  }
}
