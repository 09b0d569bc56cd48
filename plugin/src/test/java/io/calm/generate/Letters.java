package io.calm.generate;

/** Token {@code i} is the letter {@code a + i}, shown one token late, so that flushes matter. */
final class Letters implements TextDecoder {
  private String held = "";

  static String of(int token) {
    return String.valueOf((char) ('a' + token % 3));
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
}
