package io.calm.generate;

/** Token {@code i} is the letter {@code a + i}, shown one token late, so that flushes matter. */
final class Letters implements TextDecoder {
  private String held = "";

  static String of(int token) {
    return String.valueOf((char) ('a' + token % 3));
  }

  /** Returns the text of a token that ends an answer, which no other token has. */
  static String ended(int token) {
    return "<" + of(token) + ">";
  }

  @Override
  public String add(int token) {
    String certain = held;
    held = of(token);
    return certain;
  }

  @Override
  public String flush() {
    String rest = held;
    held = "";
    return rest;
  }

  @Override
  public String ending(int token) {
    return ended(token);
  }
}
