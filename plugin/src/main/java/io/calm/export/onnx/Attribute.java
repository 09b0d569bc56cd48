package io.calm.export.onnx;

/**
 * An attribute of a node.
 *
 * @param message its {@code AttributeProto}
 */
record Attribute(Proto message) {
  private static final int INT = 2;
  private static final int INTS = 7;

  /** Returns an integer. */
  static Attribute of(String name, long value) {
    return new Attribute(new Proto().text(1, name).number(3, value).number(20, INT));
  }

  /** Returns a list of integers. */
  static Attribute ofList(String name, long... values) {
    Proto message = new Proto().text(1, name);
    for (long value : values) {
      message.number(8, value);
    }
    return new Attribute(message.number(20, INTS));
  }
}
