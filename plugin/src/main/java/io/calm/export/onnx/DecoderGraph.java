package io.calm.export.onnx;

import io.calm.export.ExportProgress;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.tensor.QuantizedLinear;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The graph of a whole decoder: embeddings, blocks, lm_head. */
final class DecoderGraph {
  private final Graph graph;
  private final QuantizedModel model;
  private final ModelSpec spec;
  private final CacheNodes cache;
  private final LinearNodes linears;
  private final NormNodes norms;
  private final RotaryNodes rotary;
  private final AttentionNodes attention;

  private DecoderGraph(Graph graph, QuantizedModel model, OnnxOptions options) {
    this.graph = graph;
    this.model = model;
    this.spec = model.spec();
    OnnxType cacheType = options.cacheType();
    Optional<FixedShape> shape = options.shape();
    cache =
        shape.isPresent()
            ? new FixedCache(graph, spec, cacheType, shape.get())
            : new GrowingCache(graph, spec, cacheType);
    linears = new LinearNodes(graph, model.activation());
    norms = new NormNodes(graph, spec.rmsEpsilon(), options.engine() == OnnxEngine.ONNX_RUNTIME);
    rotary = new RotaryNodes(graph, spec, cache.positions(), options.context());
    attention = new AttentionNodes(graph, spec, cache, cacheType);
  }

  /** Adds all nodes of {@code model} to {@code graph}. */
  static void build(
      Graph graph, QuantizedModel model, OnnxOptions options, ExportProgress progress) {
    new DecoderGraph(graph, model, options).build(progress);
  }

  private void build(ExportProgress progress) {
    progress.at("token tables", 0, 1);
    TableNodes tables = new TableNodes(graph, linears);
    String residual = tables.embed(model.embeddings(), cache.tokens());
    for (int layer = 0; layer < spec.layers(); layer++) {
      progress.at("block", layer, spec.layers());
      graph.scope("block." + layer);
      residual = block(layer, model.blocks().get(layer), residual);
    }
    graph.scope("");
    progress.at("lm_head", 0, 1);
    String normalized = norms.apply(residual, "final_norm", model.finalNorm());
    cache.logits(tables.logits(model.head(), normalized), spec.vocabulary());
  }

  private String block(int layer, BlockParameters<QuantizedLinear> block, String input) {
    LinearNodes.Rounded normalized =
        rounded(
            norms.apply(input, "attention_norm", block.norm(NormRole.ATTENTION)),
            block,
            LinearRole.Q);
    String queries = heads(linear(block, LinearRole.Q, normalized), spec.heads());
    String keys = heads(linear(block, LinearRole.K, normalized), spec.kvHeads());
    String values = heads(linear(block, LinearRole.V, normalized), spec.kvHeads());
    if (spec.headNorms()) {
      queries = norms.apply(queries, "q_norm", block.norm(NormRole.Q_HEAD));
      keys = norms.apply(keys, "k_norm", block.norm(NormRole.K_HEAD));
    }
    String attended = attention.attend(layer, rotary.rotate(queries), rotary.rotate(keys), values);
    String residual =
        add(input, linear(block, LinearRole.O, rounded(attended, block, LinearRole.O)));
    LinearNodes.Rounded forward =
        rounded(
            norms.apply(residual, "mlp_norm", block.norm(NormRole.MLP)), block, LinearRole.GATE);
    String gated =
        gated(linear(block, LinearRole.GATE, forward), linear(block, LinearRole.UP, forward));
    return add(residual, linear(block, LinearRole.DOWN, rounded(gated, block, LinearRole.DOWN)));
  }

  private LinearNodes.Rounded rounded(
      String x, BlockParameters<QuantizedLinear> block, LinearRole role) {
    return linears.round(x, spec.inputs(role), block.linear(role).group());
  }

  private String linear(
      BlockParameters<QuantizedLinear> block, LinearRole role, LinearNodes.Rounded x) {
    String name = role.name().toLowerCase(Locale.ROOT);
    String product = linears.multiply(x, name, block.linear(role));
    float[] bias = block.biases().get(role);
    return bias == null ? product : add(product, graph.floats(name + ".bias", bias, bias.length));
  }

  private String heads(String x, int heads) {
    return graph.node("Reshape", List.of(x, graph.indices(0, 0, heads, spec.headDim())));
  }

  /** Returns silu(gate) * up, with silu(g) = g / (1 + e^-g). */
  private String gated(String gate, String up) {
    String power = graph.node("Exp", List.of(graph.node("Neg", List.of(gate))));
    String divisor = graph.node("Add", List.of(power, graph.scalar(1f)));
    return graph.node("Mul", List.of(graph.node("Div", List.of(gate, divisor)), up));
  }

  private String add(String x, String y) {
    return graph.node("Add", List.of(x, y));
  }
}
