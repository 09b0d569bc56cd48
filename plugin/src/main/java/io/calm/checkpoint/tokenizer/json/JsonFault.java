package io.calm.checkpoint.tokenizer.json;

import io.calm.checkpoint.CheckpointException;
import io.calm.text.Printable;

/** Creates the exceptions for invalid values in {@code tokenizer.json}. */
final class JsonFault {
  private JsonFault() {}

  /**
   * Creates an exception.
   *
   * @param path location of the value in the file, e.g. {@code normalizer.normalizers[0].type}
   * @param got description of the value; strings from the file in it must be passed through {@link
   *     Printable}
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
