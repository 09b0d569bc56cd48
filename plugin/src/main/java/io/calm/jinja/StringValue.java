package io.calm.jinja;

/**
 * Python's {@code str}: a sequence of code points.
 *
 * @param text the characters
 * @param markup whether it is MarkupSafe's {@code Markup}, which {@code safe} and {@code escape}
 *     return
 */
record StringValue(String text, boolean markup) implements Value {
  static final StringValue EMPTY = new StringValue("");

  StringValue(String text) {
    this(text, false);
  }

  /** Returns the number of code points. */
  int length() {
    return text.codePointCount(0, text.length());
  }

  @Override
  public String type() {
    return markup ? "Markup" : "str";
  }

  @Override
  public boolean truth() {
    return !text.isEmpty();
  }
}
