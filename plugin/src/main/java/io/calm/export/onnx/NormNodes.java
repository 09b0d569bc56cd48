package io.calm.export.onnx;

import java.util.List;

/**
 * The nodes of RMSNorm. The squares are summed in float64, as in the decoder, if the engine has it.
 *
 * @param wide whether the engine has float64
 */
record NormNodes(Graph graph, float epsilon, boolean wide) {

  /** Normalizes the last axis of {@code x}, whose width is the weight's. */
  String apply(String x, String name, float[] weight) {
    String scaled = graph.node("Mul", List.of(x, inverse(x, weight.length)));
    return graph.node(
        "Mul", List.of(scaled, graph.floats(name + ".weight", weight, weight.length)));
  }

  private String inverse(String x, int width) {
    String wideX = wide ? cast(x, OnnxType.DOUBLE) : x;
    String squares = graph.node("Mul", List.of(wideX, wideX));
    String sum = graph.node("ReduceSum", List.of(squares, graph.indices(-1)));
    String mean = graph.node("Div", List.of(sum, number(width)));
    String root = graph.node("Sqrt", List.of(graph.node("Add", List.of(mean, number(epsilon)))));
    String inverse = graph.node("Div", List.of(number(1), root));
    return wide ? cast(inverse, OnnxType.FLOAT) : inverse;
  }

  private String number(float value) {
    return wide ? graph.scalar((double) value) : graph.scalar(value);
  }

  private String cast(String x, OnnxType type) {
    return graph.node("Cast", List.of(x), Attribute.of("to", type.number()));
  }
}
