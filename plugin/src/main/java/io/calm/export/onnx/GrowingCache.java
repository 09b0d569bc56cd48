package io.calm.export.onnx;

import io.calm.model.ModelSpec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A KV cache that grows by the tokens of each run. Inputs and outputs have the names and shapes of
 * Hugging Face's ONNX exports: {@code input_ids}, {@code attention_mask} and {@code position_ids},
 * int64, and {@code past_key_values.N.key} to {@code present.N.key}.
 */
final class GrowingCache implements CacheNodes {
  private static final String BATCH = "batch";
  private static final String CHUNK = "chunk";
  private static final String PAST = "past";
  private static final String TOTAL = "total";

  private final Graph graph;
  private final ModelSpec spec;
  private final OnnxType type;
  private final String tokens;
  private final String positions;
  private final String distances;
  private final String masked;
  private final String scoresByHead;
  private final String scoresByKvHead;
  private final Map<Integer, String> biases = new HashMap<>();

  GrowingCache(Graph graph, ModelSpec spec, OnnxType type) {
    this.graph = graph;
    this.spec = spec;
    this.type = type;
    tokens = graph.input("input_ids", OnnxType.INT64, BATCH, CHUNK);
    String mask = graph.input("attention_mask", OnnxType.INT64, BATCH, TOTAL);
    positions = graph.input("position_ids", OnnxType.INT64, BATCH, CHUNK);
    String chunk = size(tokens);
    String total = size(mask);
    distances = distances(chunk, total);
    masked =
        graph.node(
            "Unsqueeze",
            List.of(graph.node("Equal", List.of(mask, graph.index(0))), graph.indices(1, 2)));
    scoresByHead = shape(spec.heads(), chunk, graph.indices(-1));
    scoresByKvHead = shape(spec.kvHeads(), graph.indices(-1), total);
  }

  /** Returns the size of the second axis, as a vector of one element. */
  private String size(String value) {
    String shape = graph.node("Shape", List.of(value));
    return graph.node("Slice", List.of(shape, graph.indices(1), graph.indices(2)));
  }

  private String shape(int heads, String rows, String columns) {
    return graph.node(
        "Concat",
        List.of(graph.indices(0), graph.indices(heads), rows, columns),
        Attribute.of("axis", 0));
  }

  /** Returns the distance of each query to each key, [T, S]. */
  private String distances(String chunk, String total) {
    String end = graph.node("Squeeze", List.of(total));
    String first = graph.node("Squeeze", List.of(graph.node("Sub", List.of(total, chunk))));
    String keys = graph.node("Range", List.of(graph.index(0), end, graph.index(1)));
    String queries = graph.node("Range", List.of(first, end, graph.index(1)));
    return graph.node(
        "Sub", List.of(graph.node("Unsqueeze", List.of(queries, graph.indices(1))), keys));
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
    return graph.input(
        "past_key_values." + name, type, BATCH, spec.kvHeads(), PAST, spec.headDim());
  }

  @Override
  public String append(String past, String fresh) {
    return graph.node("Concat", List.of(past, fresh), Attribute.of("axis", 2));
  }

  @Override
  public void present(String name, String value) {
    graph.output("present." + name, value, type, BATCH, spec.kvHeads(), TOTAL, spec.headDim());
  }

  @Override
  public String bias(int window) {
    return biases.computeIfAbsent(
        window,
        w -> {
          String later = graph.node("Less", List.of(distances, graph.index(0)));
          String hidden = graph.node("Or", List.of(masked, later));
          if (w > 0) {
            String seen = graph.node("Less", List.of(distances, graph.index(w)));
            hidden = graph.node("Or", List.of(hidden, graph.node("Not", List.of(seen))));
          }
          return graph.node(
              "Where", List.of(hidden, graph.scalar(-Float.MAX_VALUE), graph.scalar(0f)));
        });
  }

  @Override
  public String scoresByHead() {
    return scoresByHead;
  }

  @Override
  public String scoresByKvHead() {
    return scoresByKvHead;
  }

  @Override
  public void logits(String value, int vocabulary) {
    graph.firstOutput("logits", value, OnnxType.FLOAT, BATCH, CHUNK, vocabulary);
  }
}
