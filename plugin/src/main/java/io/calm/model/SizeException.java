package io.calm.model;

/**
 * Reports a model size that is out of bounds. The size is named by its component of {@link
 * ModelSpec} or {@link RopeSpec}, so that checkpoint readers can substitute the file's own key.
 */
public final class SizeException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final String size;
  private final String expected;
  private final String got;

  /**
   * Creates the exception for a size.
   *
   * @param size name of a component, or a product of names, e.g. {@code heads * headDim}
   */
  public SizeException(String size, Object expected, Object got) {
    super("%s: expected %s, got %s".formatted(size, expected, got));
    this.size = size;
    this.expected = expected.toString();
    this.got = got.toString();
  }

  /** Returns the name of the component, or a product of names separated by {@code " * "}. */
  public String size() {
    return size;
  }

  /** Returns the bounds. */
  public String expected() {
    return expected;
  }

  /** Returns the actual value. */
  public String got() {
    return got;
  }
}
