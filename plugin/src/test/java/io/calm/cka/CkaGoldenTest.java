package io.calm.cka;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Values of an independent Python implementation. */
final class CkaGoldenTest {
  private static final SearchKernels KERNELS = KernelVariants.ofThisMachine().searchKernels();

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = CkaGoldenTest.class.getResourceAsStream("/goldens/quantizers/" + name)) {
      if (in == null) {
        throw new AssertionError("no test resource goldens/quantizers/" + name);
      }
      return in.readAllBytes();
    }
  }

  /** Reads a float32 matrix of a safetensors file: u64 header length, JSON header, data. */
  private static Matrix tensor(String file, String name) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(resource(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[Math.toIntExact(bytes.getLong())];
    bytes.get(header);
    JsonObject entry =
        JsonParser.parseString(new String(header, StandardCharsets.UTF_8))
            .getAsJsonObject()
            .getAsJsonObject(name);
    assertEquals("F32", entry.get("dtype").getAsString());
    int rows = entry.getAsJsonArray("shape").get(0).getAsInt();
    int columns = entry.getAsJsonArray("shape").get(1).getAsInt();
    int offset = entry.getAsJsonArray("data_offsets").get(0).getAsInt();
    Matrix matrix = Matrix.allocate(rows, columns);
    matrix
        .bytes()
        .asFloatBuffer()
        .put(
            bytes
                .slice(bytes.position() + offset, 4 * rows * columns)
                .order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer());
    return matrix;
  }

  private static Score.Value score(Matrix x, Matrix y) {
    return (Score.Value)
        Metric.CKA.reference(x, x, ComparedRows.all(x.rows()), 2, KERNELS).score(y);
  }

  private static double expected(String pair, String value) throws IOException {
    return JsonParser.parseString(new String(resource("quant.json"), StandardCharsets.UTF_8))
        .getAsJsonObject()
        .getAsJsonObject("cka")
        .getAsJsonObject(pair)
        .get(value)
        .getAsDouble();
  }

  /** Y = XW' in full precision against the product of int4 codes and int8 activations. */
  @Test
  void outputsOfALinearAndOfItsQuantizedForm() throws IOException {
    Matrix y = product(tensor("quant.safetensors", "x"), tensor("quant.safetensors", "w"));
    Score.Value got = score(y, tensor("quant.safetensors", "y_per_token"));
    assertEquals(expected("y_vs_y_per_token", "debiased"), got.value(), 1e-9);
    assertEquals(expected("y_vs_y_per_token", "biased"), got.biased(), 1e-9);
  }

  private static Matrix product(Matrix x, Matrix w) {
    Matrix y = Matrix.allocate(x.rows(), w.rows());
    for (int i = 0; i < y.rows(); i++) {
      for (int j = 0; j < y.columns(); j++) {
        double sum = 0;
        for (int k = 0; k < x.columns(); k++) {
          sum += (double) x.get(i, k) * w.get(j, k);
        }
        y.set(i, j, (float) sum);
      }
    }
    return y;
  }

  @Test
  void shuffledRows() throws IOException {
    Score.Value got =
        score(tensor("quant.safetensors", "x"), tensor("cka.safetensors", "x_shuffled"));
    assertEquals(expected("x_vs_row_shuffled_x", "debiased"), got.value(), 1e-10);
    assertEquals(expected("x_vs_row_shuffled_x", "biased"), got.biased(), 1e-10);
  }

  @Test
  void scaledAndShifted() throws IOException {
    Matrix x = tensor("quant.safetensors", "x");
    Matrix y = x.copy();
    for (int i = 0; i < y.rows(); i++) {
      for (int k = 0; k < y.columns(); k++) {
        y.set(i, k, 3 * y.get(i, k) + 1);
      }
    }
    assertEquals(expected("x_vs_3x_plus_1", "biased"), score(x, y).biased(), 1e-9);
    assertEquals(1, score(x, y).value(), 1e-9);
  }
}
