package io.calm.export.onnx;

import io.calm.model.ModelSpec;
import java.util.List;

/**
 * The nodes of attention over the KV cache. The query heads of a key-value head are rows of one
 * product, so keys and values are not repeated. Keys and values are rounded to the cache's type
 * before they are read, also those of the run itself.
 */
final class AttentionNodes {
  private static final float LARGEST_HALF = 65504;

  private final Graph graph;
  private final ModelSpec spec;
  private final CacheNodes cache;
  private final OnnxType cacheType;

  AttentionNodes(Graph graph, ModelSpec spec, CacheNodes cache, OnnxType cacheType) {
    this.graph = graph;
    this.spec = spec;
    this.cache = cache;
    this.cacheType = cacheType;
  }

  /**
   * Returns the outputs of all heads, [B, T, heads * headDim].
   *
   * @param queries [B, T, heads, headDim], rotated
   * @param keys [B, T, kv heads, headDim], rotated
   * @param values [B, T, kv heads, headDim]
   */
  String attend(int layer, String queries, String keys, String values) {
    String allKeys = stored(layer + ".key", keys);
    String allValues = stored(layer + ".value", values);
    String shared = byKvHead(transposed(queries, 0, 2, 1, 3));
    String products = graph.node("MatMul", List.of(shared, transposed(allKeys, 0, 1, 3, 2)));
    float scale = (float) (1 / Math.sqrt(spec.headDim()));
    String scores = graph.node("Mul", List.of(products, graph.scalar(scale)));
    String byHead = graph.node("Reshape", List.of(scores, cache.scoresByHead()));
    String biased = graph.node("Add", List.of(byHead, cache.bias(spec.windows().get(layer))));
    String weights = graph.node("Softmax", List.of(biased), Attribute.of("axis", -1));
    String byKvHead = graph.node("Reshape", List.of(weights, cache.scoresByKvHead()));
    String outputs = graph.node("MatMul", List.of(byKvHead, allValues));
    String heads =
        graph.node("Reshape", List.of(outputs, graph.indices(0, spec.heads(), -1, spec.headDim())));
    long width = (long) spec.heads() * spec.headDim();
    return graph.node(
        "Reshape", List.of(transposed(heads, 0, 2, 1, 3), graph.indices(0, 0, width)));
  }

  private String byKvHead(String queries) {
    return graph.node(
        "Reshape", List.of(queries, graph.indices(0, spec.kvHeads(), -1, spec.headDim())));
  }

  /** Stores keys or values in the cache and returns all of them as float32. */
  private String stored(String name, String fresh) {
    String byHead = transposed(fresh, 0, 2, 1, 3);
    String past = cache.past(name);
    if (cacheType == OnnxType.FLOAT) {
      String all = cache.append(past, byHead);
      cache.present(name, all);
      return all;
    }
    String bounded =
        graph.node(
            "Clip", List.of(byHead, graph.scalar(-LARGEST_HALF), graph.scalar(LARGEST_HALF)));
    String all = cache.append(past, cast(bounded, cacheType));
    cache.present(name, all);
    return cast(all, OnnxType.FLOAT);
  }

  private String transposed(String x, long... permutation) {
    return graph.node("Transpose", List.of(x), Attribute.ofList("perm", permutation));
  }

  private String cast(String x, OnnxType type) {
    return graph.node("Cast", List.of(x), Attribute.of("to", type.number()));
  }
}
