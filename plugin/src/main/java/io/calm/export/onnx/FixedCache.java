package io.calm.export.onnx;

import io.calm.model.ModelSpec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A KV cache of a fixed number of positions. A run writes the keys and values of its tokens at
 * {@code position_ids}, and a token sees the positions up to its own. Inputs are {@code input_ids}
 * and {@code position_ids}, int32, and {@code past_key_values.N.key}; outputs {@code present.N.key}
 * have the shape of the inputs.
 *
 * <p>No mask is needed: what padding writes after the last token is overwritten before a token sees
 * it. Only operators of opset 13 are used, and float32 for comparisons.
 */
final class FixedCache implements CacheNodes {
  private final Graph graph;
  private final ModelSpec spec;
  private final OnnxType type;
  private final FixedShape shape;
  private final String tokens;
  private final String positions;
  private final String slots;
  private final String distances;
  private final Map<Integer, String> biases = new HashMap<>();

  FixedCache(Graph graph, ModelSpec spec, OnnxType type, FixedShape shape) {
    this.graph = graph;
    this.spec = spec;
    this.type = type;
    this.shape = shape;
    tokens = graph.input("input_ids", OnnxType.INT32, shape.batch(), shape.chunk());
    positions = graph.input("position_ids", OnnxType.INT32, shape.batch(), shape.chunk());
    slots =
        graph.node(
            "Expand",
            List.of(
                graph.node("Unsqueeze", List.of(positions, graph.indices(1, 3))),
                graph.indices(shape.batch(), spec.kvHeads(), shape.chunk(), spec.headDim())));
    String queries =
        graph.node("Cast", List.of(positions), Attribute.of("to", OnnxType.FLOAT.number()));
    distances =
        graph.node(
            "Sub",
            List.of(
                graph.node("Unsqueeze", List.of(queries, graph.indices(1, 3))), keyPositions()));
  }

  private String keyPositions() {
    float[] keys = new float[shape.context()];
    for (int i = 0; i < keys.length; i++) {
      keys[i] = i;
    }
    return graph.floats("key_positions", keys, keys.length);
  }

  @Override
  public String tokens() {
    return tokens;
  }

  @Override
  public String positions() {
    return positions;
  }

  @Override
  public String past(String name) {
    return graph.input("past_key_values." + name, type, dimensions());
  }

  private Object[] dimensions() {
    return new Object[] {shape.batch(), spec.kvHeads(), shape.context(), spec.headDim()};
  }

  @Override
  public String append(String past, String fresh) {
    return graph.node("ScatterElements", List.of(past, slots, fresh), Attribute.of("axis", 2));
  }

  @Override
  public void present(String name, String value) {
    graph.output("present." + name, value, type, dimensions());
  }

  @Override
  public String bias(int window) {
    return biases.computeIfAbsent(
        window,
        w -> {
          String hidden = graph.node("Less", List.of(distances, graph.scalar(0f)));
          if (w > 0) {
            String seen = graph.node("Less", List.of(distances, graph.scalar((float) w)));
            hidden = graph.node("Or", List.of(hidden, graph.node("Not", List.of(seen))));
          }
          return graph.node(
              "Where", List.of(hidden, graph.scalar(-Float.MAX_VALUE), graph.scalar(0f)));
        });
  }

  @Override
  public String scoresByHead() {
    return graph.indices(0, spec.heads(), shape.chunk(), shape.context());
  }

  @Override
  public String scoresByKvHead() {
    int rows = spec.heads() / spec.kvHeads() * shape.chunk();
    return graph.indices(0, spec.kvHeads(), rows, shape.context());
  }

  @Override
  public void logits(String value, int vocabulary) {
    graph.firstOutput("logits", value, OnnxType.FLOAT, shape.batch(), shape.chunk(), vocabulary);
  }
}
