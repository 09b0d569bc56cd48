package io.calm.serving.reply;

/** A number of any size, kept as the text that the client sent. */
final class NumberText extends Number {
  private static final long serialVersionUID = 1L;

  private final String text;

  NumberText(String text) {
    this.text = text;
  }

  @Override
  public int intValue() {
    return (int) doubleValue();
  }

  @Override
  public long longValue() {
    return (long) doubleValue();
  }

  @Override
  public float floatValue() {
    return (float) doubleValue();
  }

  @Override
  public double doubleValue() {
    return Double.parseDouble(text);
  }

  @Override
  public String toString() {
    return text;
  }
}
