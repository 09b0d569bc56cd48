package io.calm.export.gguf;

import io.calm.checkpoint.gguf.GgufTensorNames;
import io.calm.checkpoint.storage.RowOrder;
import io.calm.export.ExportedModel;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.tensor.Float16;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTables;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The tensors of a model in GGUF.
 *
 * <p>A W4A8 linear becomes Q4_1: each block of 32 inputs gets the codes and the float16 scale and
 * minimum of its group, so both dequantize to the same bits. Norms and biases are F32. A linear
 * whose inputs are no multiple of 32 is F32, dequantized, which is exact too.
 */
final class GgufTensors {
  private static final GgufTensorNames NAMES = GgufTensorNames.INSTANCE;

  private final ExportedModel model;
  private final ModelSpec spec;
  private final RowOrder rotaryRows;
  private final GgufTables tables;

  GgufTensors(ExportedModel model, GgufTables tables) {
    this.model = model;
    this.spec = model.spec();
    this.tables = tables;
    this.rotaryRows =
        GgufArchitecture.architecture(spec).equals(GgufArchitecture.LLAMA)
            ? new RowOrder.InterleavedPairs(spec.headDim())
            : RowOrder.AS_STORED;
  }

  /** Returns all tensors in the order of the file. */
  List<GgufTensor> all() {
    List<GgufTensor> tensors = new ArrayList<>();
    tensors.add(table(NAMES.embeddings(), model.embeddings()));
    GgufArchitecture.ropeFactors(spec)
        .ifPresent(factors -> tensors.add(GgufTensor.vector("rope_freqs.weight", factors)));
    for (int layer = 0; layer < spec.layers(); layer++) {
      addBlock(layer, tensors);
    }
    tensors.add(GgufTensor.vector(NAMES.finalNorm(), model.finalNorm()));
    if (!model.sharesTables()) {
      tensors.add(table(NAMES.head(), model.head()));
    }
    return tensors;
  }

  private void addBlock(int layer, List<GgufTensor> tensors) {
    BlockParameters<QuantizedLinear> block = model.block(layer);
    for (NormRole norm : spec.norms()) {
      tensors.add(GgufTensor.vector(NAMES.norm(layer, norm), block.norm(norm)));
    }
    for (LinearRole role : LinearRole.values()) {
      QuantizedLinear linear = block.linear(role);
      int[] order = order(role, linear.outputs());
      tensors.add(linear(NAMES.weight(layer, role), linear, order));
      float[] bias = block.biases().get(role);
      if (bias != null) {
        float[] stored = new float[bias.length];
        for (int i = 0; i < stored.length; i++) {
          stored[i] = bias[order[i]];
        }
        tensors.add(GgufTensor.vector(NAMES.bias(layer, role), stored));
      }
    }
  }

  /** Returns the row of the weight that each row of the file holds. */
  private int[] order(LinearRole role, int rows) {
    boolean rotated = role == LinearRole.Q || role == LinearRole.K;
    RowOrder order = rotated ? rotaryRows : RowOrder.AS_STORED;
    int[] rowOf = new int[rows];
    for (int row = 0; row < rows; row++) {
      rowOf[order.stored(row)] = row;
    }
    return rowOf;
  }

  private static GgufTensor linear(String name, QuantizedLinear linear, int[] order) {
    int columns = linear.inputs();
    if (columns % GgmlType.BLOCK != 0) {
      float[] values = new float[columns];
      return new GgufTensor(
          name,
          GgmlType.F32,
          linear.outputs(),
          columns,
          false,
          (row, target) -> {
            Packing.dequantizeRow(linear, order[row], values);
            putAll(values, target);
          });
    }
    Q4Row rows = new Q4Row(linear);
    return new GgufTensor(
        name,
        GgmlType.Q4_1,
        linear.outputs(),
        columns,
        false,
        (row, target) -> rows.write(order[row], target));
  }

  private GgufTensor table(String name, TokenTable table) {
    if (table instanceof TokenTable.Int4 int4) {
      int[] order = new int[table.tokens()];
      Arrays.setAll(order, i -> i);
      return linear(name, int4.weight(), order);
    }
    GgmlType type = tables.type(table);
    GgufTensor.Row row =
        switch (type) {
          case Q8_0 -> new Q8Row((TokenTable.Int8Table) table)::write;
          case F16 -> (token, target) -> putHalves(values(table, token), target);
          default -> (token, target) -> putAll(values(table, token), target);
        };
    return new GgufTensor(name, type, table.tokens(), table.width(), false, row);
  }

  private static float[] values(TokenTable table, int token) {
    float[] values = new float[table.width()];
    TokenTables.readRow(table, token, values);
    return values;
  }

  private static void putAll(float[] values, ByteBuffer target) {
    for (float value : values) {
      target.putFloat(value);
    }
  }

  private static void putHalves(float[] values, ByteBuffer target) {
    for (float value : values) {
      target.putShort(Float16.fromFloat(value));
    }
  }

  /**
   * Writes outputs as Q4_1; element j of a block is in the low nibble of byte j, j + 16 in high.
   */
  private static final class Q4Row {
    private final QuantizedLinear linear;
    private final byte[] codes;
    private final float[] scales;
    private final float[] minimums;

    Q4Row(QuantizedLinear linear) {
      this.linear = linear;
      this.codes = new byte[linear.inputs()];
      this.scales = new float[linear.groups()];
      this.minimums = new float[linear.groups()];
    }

    void write(int output, ByteBuffer target) {
      Packing.unpackRow(linear, output, codes, scales, minimums);
      int half = GgmlType.BLOCK / 2;
      for (int from = 0; from < codes.length; from += GgmlType.BLOCK) {
        int group = from / linear.group();
        target.putShort(Float16.fromFloat(scales[group]));
        target.putShort(Float16.fromFloat(minimums[group]));
        for (int j = from; j < from + half; j++) {
          target.put((byte) (codes[j] | codes[j + half] << 4));
        }
      }
    }
  }

  /** Writes rows of int8 codes as Q8_0: each block gets the scale of its row. */
  private static final class Q8Row {
    private final TokenTable.Int8Table table;
    private final byte[] codes;

    Q8Row(TokenTable.Int8Table table) {
      this.table = table;
      this.codes = new byte[table.width()];
    }

    void write(int token, ByteBuffer target) {
      short scale = Float16.fromFloat(TokenTables.readCodes(table, token, codes));
      for (int from = 0; from < codes.length; from += GgmlType.BLOCK) {
        target.putShort(scale).put(codes, from, GgmlType.BLOCK);
      }
    }
  }
}
