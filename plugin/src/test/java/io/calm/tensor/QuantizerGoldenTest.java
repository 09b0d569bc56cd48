package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Codes, scales and products of an independent Python implementation, group 64. */
class QuantizerGoldenTest {
  private static final int ROWS = 384;
  private static final int INPUTS = 256;
  private static final int OUTPUTS = 96;
  private static final int GROUPS = 4;

  private static final Map<String, Integer> BYTES = Map.of("F32", 4, "F16", 2, "I8", 1, "U8", 1);

  private static ByteBuffer tensor(String name, String type, int elements) throws IOException {
    try (InputStream in =
        QuantizerGoldenTest.class.getResourceAsStream("/goldens/quantizers/quant.safetensors")) {
      if (in == null) {
        throw new AssertionError("no test resource goldens/quantizers/quant.safetensors");
      }
      ByteBuffer file = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
      byte[] header = new byte[(int) file.getLong()];
      file.get(header);
      JsonObject entry =
          JsonParser.parseString(new String(header, StandardCharsets.UTF_8))
              .getAsJsonObject()
              .getAsJsonObject(name);
      assertEquals(type, entry.get("dtype").getAsString());
      int from = file.position() + entry.getAsJsonArray("data_offsets").get(0).getAsInt();
      int size = elements * BYTES.getOrDefault(type, 0);
      return file.slice(from, size).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  private static float[] floats(String name, int elements) throws IOException {
    float[] values = new float[elements];
    tensor(name, "F32", elements).asFloatBuffer().get(values);
    return values;
  }

  private static QuantizedMatrix weight() throws IOException {
    byte[] codes = new byte[OUTPUTS * INPUTS];
    tensor("q", "U8", codes.length).get(codes);
    short[] scales = new short[OUTPUTS * GROUPS];
    short[] minimums = new short[OUTPUTS * GROUPS];
    tensor("scale", "F16", scales.length).asShortBuffer().get(scales);
    tensor("minimum", "F16", minimums.length).asShortBuffer().get(minimums);
    return new QuantizedMatrix(OUTPUTS, INPUTS, 64, codes, widen(scales), widen(minimums));
  }

  private static float[] widen(short[] halves) {
    float[] values = new float[halves.length];
    Float16.widen(halves, 0, values, 0, halves.length);
    return values;
  }

  private static QuantizedRows rounded(String mode) throws IOException {
    float[] x = floats("x", ROWS * INPUTS);
    QuantizedRows rows = QuantizedRows.allocate(ROWS, INPUTS, 64);
    ActivationQuantizer quantizer =
        mode.equals("per_token") ? ActivationQuantizer.perToken() : ActivationQuantizer.perGroup();
    for (int t = 0; t < ROWS; t++) {
      assertTrue(quantizer.quantize(x, t * INPUTS, rows, t));
    }
    return rows;
  }

  @ParameterizedTest
  @ValueSource(strings = {"per_group", "per_token"})
  void activationsAreIdentical(String mode) throws IOException {
    QuantizedRows rows = rounded(mode);
    int columns = mode.equals("per_token") ? 1 : GROUPS;
    float[] scales = floats("sx_" + mode, ROWS * columns);
    ByteBuffer codes = tensor("xq_" + mode, "I8", ROWS * INPUTS);
    for (int t = 0; t < ROWS; t++) {
      for (int k = 0; k < INPUTS; k++) {
        assertEquals(codes.get(t * INPUTS + k), rows.code(t, k), "row " + t + ", input " + k);
      }
      for (int j = 0; j < GROUPS; j++) {
        assertEquals(scales[t * columns + j % columns], rows.scale(t, j), "row " + t);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"per_group", "per_token"})
  void productsAreTheExactOnesUpToFloat32(String mode) throws IOException {
    LinearKernel kernel = LinearKernel.of(Packing.pack(weight()));
    float[] y = new float[ROWS * OUTPUTS];
    kernel.multiply(rounded(mode), ROWS, 0, kernel.tiles(), y, KernelScratch.allocate(ROWS));
    float[] expected = floats("y_" + mode, ROWS * OUTPUTS);
    for (int t = 0; t < ROWS; t++) {
      float largest = 0;
      for (int n = 0; n < OUTPUTS; n++) {
        largest = Math.max(largest, Math.abs(expected[t * OUTPUTS + n]));
      }
      for (int n = 0; n < OUTPUTS; n++) {
        int i = t * OUTPUTS + n;
        assertEquals(expected[i], y[i], 1e-5f * largest, "row " + t + ", output " + n);
      }
    }
  }

  @Test
  void weightsAreIdentical() throws IOException {
    float[] expected = floats("w_dequantized", OUTPUTS * INPUTS);
    Matrix values = Packing.dequantize(Packing.pack(weight()));
    for (int n = 0; n < OUTPUTS; n++) {
      for (int k = 0; k < INPUTS; k++) {
        assertEquals(expected[n * INPUTS + k], values.get(n, k), "output " + n + ", input " + k);
      }
    }
  }
}
