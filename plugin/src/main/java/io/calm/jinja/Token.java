package io.calm.jinja;

/** A token of a template, with the line in which it starts. */
record Token(Kind kind, String text, int line) {

  /** The kinds of tokens, with their names in error messages. */
  enum Kind {
    DATA("template data / text"),
    VARIABLE_BEGIN("begin of print statement"),
    VARIABLE_END("end of print statement"),
    BLOCK_BEGIN("begin of statement block"),
    BLOCK_END("end of statement block"),
    NAME("name"),
    STRING("string"),
    INTEGER("integer"),
    FLOAT("float"),
    OPERATOR("operator"),
    END("end of template");

    private final String description;

    Kind(String description) {
      this.description = description;
    }
  }

  boolean is(String operator) {
    return kind == Kind.OPERATOR && text.equals(operator);
  }

  boolean isName(String name) {
    return kind == Kind.NAME && text.equals(name);
  }

  /** Describes the token for an error message. */
  String describe() {
    return switch (kind) {
      case NAME, OPERATOR -> Repr.quote(text);
      default -> "'" + kind.description + "'";
    };
  }
}
