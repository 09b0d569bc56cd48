package io.calm.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Tokenizer;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTables;

/** Compares the weights of an exported checkpoint with those of its artifact. */
public final class SameWeights {
  private SameWeights() {}

  /** A rounding of the format; the identity where it is exact. */
  public interface Rounding {
    float of(float value);
  }

  /** Asserts that all blocks and norms are equal bit for bit, after {@code rounding}. */
  public static void requireBlocks(QuantizedModel model, Checkpoint read, Rounding rounding) {
    for (int layer = 0; layer < model.spec().layers(); layer++) {
      BlockParameters<QuantizedLinear> expected = model.blocks().get(layer);
      BlockParameters<Matrix> got = read.block(layer);
      for (LinearRole role : LinearRole.values()) {
        String where = "block " + layer + ", " + role;
        try (Matrix weight = Packing.dequantize(expected.linear(role));
            Matrix written = got.linear(role)) {
          float[] row = new float[weight.columns()];
          float[] other = new float[weight.columns()];
          for (int n = 0; n < weight.rows(); n++) {
            weight.readRow(n, row);
            written.readRow(n, other);
            requireEqual(where + ", row " + n, row, other, rounding);
          }
        }
        float[] none = new float[expected.linear(role).outputs()];
        requireEqual(
            where + ", bias",
            expected.biases().getOrDefault(role, none),
            got.biases().getOrDefault(role, none),
            rounding);
      }
      for (NormRole norm : model.spec().norms()) {
        requireEqual("block " + layer + ", " + norm, expected.norm(norm), got.norm(norm), rounding);
      }
    }
    requireEqual("final norm", model.finalNorm(), read.finalNorm(), rounding);
  }

  /** Asserts that both tables are equal after {@code rounding}, but for a relative error. */
  public static void requireTables(
      QuantizedModel model, Checkpoint read, Rounding rounding, double relative) {
    try (Matrix embeddings = read.embeddingRows(0, model.spec().vocabulary());
        Matrix head = read.headRows(0, model.spec().vocabulary())) {
      requireTable("embeddings", model.embeddings(), embeddings, rounding, relative);
      boolean exact = model.head().format() == TableFormat.INT4;
      requireTable("head", model.head(), head, rounding, exact ? 0 : relative);
    }
  }

  private static void requireTable(
      String where, TokenTable table, Matrix written, Rounding rounding, double relative) {
    float[] row = new float[table.width()];
    float[] other = new float[table.width()];
    for (int token = 0; token < table.tokens(); token++) {
      TokenTables.readRow(table, token, row);
      written.readRow(token, other);
      if (relative == 0) {
        requireEqual(where + ", row " + token, row, other, rounding);
      }
      for (int k = 0; k < row.length; k++) {
        assertEquals(row[k], other[k], relative * Math.abs(row[k]), where + ", row " + token);
      }
    }
  }

  private static void requireEqual(String where, float[] expected, float[] got, Rounding rounding) {
    float[] rounded = new float[expected.length];
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = rounding.of(expected[i]) + 0f; // -0 is 0
    }
    float[] plain = got.clone();
    for (int i = 0; i < plain.length; i++) {
      plain[i] += 0f;
    }
    assertArrayEquals(rounded, plain, where);
  }

  /** Asserts that both tokenizers give the same ids for texts with and without special tokens. */
  public static void requireTokens(Tokenizer expected, Tokenizer got) {
    for (String text :
        new String[] {
          "Hello, world! It's 12345 o'clock.\n\n  Two  spaces",
          "<|im_start|>user\ncaf\u00e9 \ud83d\ude00<|im_end|>\n<|im_start|>assistant\n"
        }) {
      for (boolean special : new boolean[] {true, false}) {
        assertArrayEquals(expected.encode(text, special), got.encode(text, special), text);
      }
      int[] ids = expected.encode(text, true);
      assertEquals(expected.decode(ids, true), got.decode(ids, true));
    }
  }
}
