package io.calm.export.onnx;

import io.calm.tensor.CodeColumns;
import io.calm.tensor.Float16;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTable.Float16Table;
import io.calm.tensor.TokenTable.Float32;
import io.calm.tensor.TokenTable.Int4;
import io.calm.tensor.TokenTable.Int8Table;
import io.calm.tensor.TokenTables;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * The nodes of the token tables: embeddings and lm_head.
 *
 * <p>An int8 lm_head is two products of INT4 blocks, {@code code = 16 h + l + 8} with h and l in
 * -8..7, because ONNX Runtime multiplies 4-bit blocks as they are stored, but dequantizes an int8
 * table in every run.
 */
final class TableNodes {
  private static final int OFFSET = 8;

  private final Graph graph;
  private final LinearNodes linears;
  private final IdentityHashMap<TokenTable, String> rows = new IdentityHashMap<>();
  private final IdentityHashMap<TokenTable, String> scales = new IdentityHashMap<>();

  TableNodes(Graph graph, LinearNodes linears) {
    this.graph = graph;
    this.linears = linears;
  }

  /** Returns the embeddings of tokens, [B, T, D], in float32. */
  String embed(TokenTable table, String tokens) {
    if (table instanceof Int4) {
      throw new IllegalArgumentException("embeddings are not int4");
    }
    String values = asFloat(graph.node("Gather", List.of(rows(table), tokens)), table);
    if (!(table instanceof Int8Table int8)) {
      return values;
    }
    String scale = graph.node("Gather", List.of(scales(int8), tokens));
    return graph.node(
        "Mul", List.of(values, graph.node("Unsqueeze", List.of(scale, graph.indices(-1)))));
  }

  /**
   * Returns the logits of hidden states, [B, T, V].
   *
   * @param x normalized states [B, T, D]
   */
  String logits(TokenTable table, String x) {
    if (table instanceof Int4 int4) {
      return linears.multiply(
          linears.round(x, table.width(), int4.weight().group()), "lm_head", int4.weight());
    }
    if (!(table instanceof Int8Table int8)) {
      return graph.node("MatMul", List.of(x, columns(table)));
    }
    LinearNodes.Rounded rounded = linears.round(x, table.width(), int8.group());
    String product =
        linears.blockwise()
            ? product(rounded, int8)
            : graph.node("MatMul", List.of(unpadded(rounded, table.width()), columns(table)));
    return graph.node("Mul", List.of(product, scales(int8)));
  }

  private String unpadded(LinearNodes.Rounded rounded, int width) {
    return graph.node(
        "Slice",
        List.of(rounded.values(), graph.indices(0), graph.indices(width), graph.indices(-1)));
  }

  private String product(LinearNodes.Rounded x, Int8Table table) {
    CodeColumns codes = CodeColumns.of(table);
    int groups = codes.columns() / table.group();
    String high = half(x, codes, "lm_head.high", code -> code >> 4, 16, groups);
    String low = half(x, codes, "lm_head.low", code -> (code & 15) - OFFSET, 1, groups);
    String sum = graph.node("ReduceSum", List.of(x.sums(), graph.indices(-1)));
    return graph.node(
        "Add",
        List.of(
            graph.node("Add", List.of(high, low)),
            graph.node("Mul", List.of(sum, graph.scalar((float) OFFSET)))));
  }

  /**
   * Returns a product with one half of every code.
   *
   * @param scale scale of every block. Each half has a tensor of scales: ONNX Runtime 1.32 would
   *     dequantize blocks with a shared one in every run.
   */
  private String half(
      LinearNodes.Rounded x,
      CodeColumns codes,
      String name,
      PackedTensors.Mapping mapping,
      float scale,
      int groups) {
    float[] scales = new float[Math.multiplyExact(groups, codes.rows())];
    Arrays.fill(scales, scale);
    return graph.node(
        "MatMul",
        List.of(
            x.values(),
            linears.dequantized(
                name,
                codes,
                mapping,
                graph.floats(name + ".scales", scales, groups, codes.rows()),
                codes.columns() / groups)));
  }

  /** Returns the table as a matrix [D, V] in float32, for an int8 table without its scales. */
  private String columns(TokenTable table) {
    return graph.node(
        "Transpose", List.of(asFloat(rows(table), table)), Attribute.ofList("perm", 1, 0));
  }

  private String asFloat(String values, TokenTable table) {
    return table instanceof Float32
        ? values
        : graph.node("Cast", List.of(values), Attribute.of("to", OnnxType.FLOAT.number()));
  }

  /** Returns the stored rows [V, D]; tables that are shared are stored once. */
  private String rows(TokenTable table) {
    return rows.computeIfAbsent(table, this::store);
  }

  private String store(TokenTable table) {
    String name = "table." + rows.size();
    long[] shape = {table.tokens(), table.width()};
    if (table instanceof Int8Table int8) {
      // TensorRT 8.4 gathers no int8; its float16 holds every code.
      OnnxType type = graph.opset().int4() ? OnnxType.INT8 : OnnxType.FLOAT16;
      return graph.tensor(name, type, codes(int8, type), shape);
    }
    if (table instanceof Float16Table half) {
      return graph.tensor(
          name, OnnxType.FLOAT16, sink -> sink.put(half.values().duplicate()), shape);
    }
    return graph.tensor(
        name, OnnxType.FLOAT, sink -> sink.put(((Float32) table).values().duplicate()), shape);
  }

  private static ExternalData.Content codes(Int8Table table, OnnxType type) {
    return sink -> {
      byte[] codes = new byte[table.width()];
      for (int token = 0; token < table.tokens(); token++) {
        TokenTables.readCodes(table, token, codes);
        sink.put(type == OnnxType.INT8 ? ByteBuffer.wrap(codes) : halves(codes));
      }
    };
  }

  private static ByteBuffer halves(byte[] codes) {
    ByteBuffer row = Graph.little(2 * codes.length);
    for (byte code : codes) {
      row.putShort(Float16.fromFloat(code));
    }
    return row.flip();
  }

  private String scales(Int8Table table) {
    return scales.computeIfAbsent(
        table,
        t -> {
          float[] values = new float[table.tokens()];
          for (int v = 0; v < values.length; v++) {
            values[v] = table.scales().getFloat(Float.BYTES * v);
          }
          return graph.floats("scales." + scales.size(), values, values.length);
        });
  }
}
