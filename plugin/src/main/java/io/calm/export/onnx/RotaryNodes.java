package io.calm.export.onnx;

import io.calm.model.ModelSpec;
import io.calm.runtime.RotaryTable;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The nodes of the rotary embedding. Cosines and sines come from tables of all positions, so they
 * have the bits of the decoder's.
 */
final class RotaryNodes {
  private final Graph graph;
  private final int half;
  private final String cosines;
  private final String sines;

  /**
   * @param positions position of each token, [B, T]
   * @param context number of positions
   */
  RotaryNodes(Graph graph, ModelSpec spec, String positions, int context) {
    this.graph = graph;
    RotaryTable table = RotaryTable.of(spec.rope(), spec.headDim());
    this.half = table.pairs();
    this.cosines = rows(positions, table(table, "rotary.cosines", context, true));
    this.sines = rows(positions, table(table, "rotary.sines", context, false));
  }

  private String table(RotaryTable table, String name, int context, boolean cosine) {
    return graph.tensor(
        name,
        OnnxType.FLOAT,
        sink -> {
          float[] cosines = new float[half];
          float[] sines = new float[half];
          for (int position = 0; position < context; position++) {
            table.fill(position, cosines, sines, 0);
            ByteBuffer row = Graph.little(Float.BYTES * half);
            row.asFloatBuffer().put(cosine ? cosines : sines);
            sink.put(row);
          }
        },
        context,
        half);
  }

  /** Returns the rows of the positions, [B, T, 1, half]. */
  private String rows(String positions, String table) {
    String rows = graph.node("Gather", List.of(table, positions));
    return graph.node("Unsqueeze", List.of(rows, graph.indices(2)));
  }

  /** Rotates heads [B, T, H, headDim]. */
  String rotate(String heads) {
    String a = half(heads, 0);
    String b = half(heads, half);
    String first = graph.node("Sub", List.of(product(a, cosines), product(b, sines)));
    String second = graph.node("Add", List.of(product(b, cosines), product(a, sines)));
    return graph.node("Concat", List.of(first, second), Attribute.of("axis", -1));
  }

  private String half(String heads, int from) {
    return graph.node(
        "Slice",
        List.of(heads, graph.indices(from), graph.indices(from + half), graph.indices(-1)));
  }

  private String product(String x, String y) {
    return graph.node("Mul", List.of(x, y));
  }
}
