package io.calm.export.onnx;

import io.calm.tensor.CodeColumns;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Contents of weight tensors [K, N], written one input after the other from the packed layout of
 * the artifact.
 */
final class PackedTensors {
  /** Codes of 4 bits in one int32 word, which stays positive. */
  static final int CODES_PER_WORD = 7;

  private static final int BUFFER = 1 << 16;

  private PackedTensors() {}

  /** Maps a code of the artifact to the stored one. */
  @FunctionalInterface
  interface Mapping {
    int map(int code);
  }

  /** Returns {@link OnnxType#INT4} elements: two in a byte, across the ends of rows. */
  static ExternalData.Content int4(CodeColumns codes, Mapping mapping) {
    return sink -> {
      byte[] column = new byte[codes.rows()];
      ByteBuffer buffer = Graph.little(BUFFER);
      int low = -1;
      for (int k = 0; k < codes.columns(); k++) {
        codes.read(k, column);
        for (byte code : column) {
          int nibble = mapping.map(code) & 15;
          if (low < 0) {
            low = nibble;
            continue;
          }
          flush(buffer, 1, sink);
          buffer.put((byte) (low | nibble << 4));
          low = -1;
        }
      }
      if (low >= 0) {
        flush(buffer, 1, sink);
        buffer.put((byte) low);
      }
      sink.put(buffer.flip());
    };
  }

  /** Returns the int32 words of a row of {@code outputs} codes. */
  static int words(int outputs) {
    return (outputs + CODES_PER_WORD - 1) / CODES_PER_WORD;
  }

  /**
   * Returns {@link OnnxType#INT32} words [K, {@link #words}]: output 7w + i is digit i of word w to
   * the base 16.
   */
  static ExternalData.Content words(CodeColumns codes) {
    return sink -> {
      byte[] column = new byte[words(codes.rows()) * CODES_PER_WORD];
      ByteBuffer buffer = Graph.little(BUFFER);
      for (int k = 0; k < codes.columns(); k++) {
        codes.read(k, column);
        for (int from = 0; from < column.length; from += CODES_PER_WORD) {
          int word = 0;
          for (int i = CODES_PER_WORD - 1; i >= 0; i--) {
            word = word << 4 | column[from + i];
          }
          flush(buffer, Integer.BYTES, sink);
          buffer.putInt(word);
        }
      }
      sink.put(buffer.flip());
    };
  }

  private static void flush(ByteBuffer buffer, int needed, ExternalData.Sink sink)
      throws IOException {
    if (buffer.remaining() < needed) {
      sink.put(buffer.flip());
      buffer.clear();
    }
  }
}
