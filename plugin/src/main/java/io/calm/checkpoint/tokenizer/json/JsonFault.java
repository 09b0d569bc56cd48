package io.calm.checkpoint.tokenizer.json;

import io.calm.checkpoint.CheckpointException;
import io.calm.text.Printable;

/** Creates the exceptions of this package. */
final class JsonFault {
  private JsonFault() {}

  /**
   * Creates an exception.
   *
   * @param path the value's place in the file, e.g. {@code normalizer.normalizers[0].type}
   * @param got a description of what was found; foreign strings in it go through {@link Printable}
   */
  static CheckpointException at(String path, String expected, String got) {
    return new CheckpointException(
        "%s: expected %s, got %s; copy the file again, or save it with tokenizer.save_pretrained"
            .formatted(path, expected, got));
  }

  /** Returns {@code value} in quotes, printable. */
  static String quoted(Object value) {
    return "\"" + Printable.of(value) + "\"";
  }
}
