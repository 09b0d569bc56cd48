package io.calm.model;

/**
 * Reports a size of a model that is out of bounds. The name is the component of {@link ModelSpec}
 * or {@link RopeSpec}, so that a reader of a file can name the file's own key instead.
 */
public final class SizeException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final String size;
  private final String expected;
  private final String got;

  /**
   * Describes a size that is out of bounds.
   *
   * @param size a component's name, or a product of them, e.g. {@code heads * headDim}
   */
  public SizeException(String size, Object expected, Object got) {
    super("%s: expected %s, got %s".formatted(size, expected, got));
    this.size = size;
    this.expected = expected.toString();
    this.got = got.toString();
  }

  /** Returns the component's name, or a product of names separated by {@code " * "}. */
  public String size() {
    return size;
  }

  /** Returns the bounds. */
  public String expected() {
    return expected;
  }

  /** Returns the value that is outside them. */
  public String got() {
    return got;
  }
}
