package io.calm.export.onnx;

import io.calm.model.ActivationMode;
import io.calm.tensor.CodeColumns;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import java.util.ArrayList;
import java.util.List;

/**
 * The nodes of W4A8 products (docs/reference/w4a8.md).
 *
 * <p>With x = sx * xq, the product {@code sum over groups of sx * (s * D + m * S)} is the sum of
 * two matrix products: of {@code sx * xq} with {@code s * (q - 8)}, and of {@code sx * S} with
 * {@code m + 8 s}. The first is {@code DequantizeLinear} of INT4 blocks before {@code MatMul},
 * which ONNX Runtime runs on the 4-bit codes with int8 activations. The second has one input per
 * group.
 */
final class LinearNodes {
  private static final float SMALLEST = 0x1p-100f;
  private static final float LARGEST_CODE = 127;
  private static final int OFFSET = 8;

  private final Graph graph;
  private final ActivationMode activation;

  LinearNodes(Graph graph, ActivationMode activation) {
    this.graph = graph;
    this.activation = activation;
  }

  /**
   * Activations that are rounded to int8.
   *
   * @param values sx * xq, [B, T, padded K]
   * @param sums sx * S, [B, T, groups]
   */
  record Rounded(String values, String sums) {}

  /** Rounds {@code x} [B, T, K] in groups. */
  Rounded round(String x, int inputs, int group) {
    int padded = QuantizedLinear.paddedInputs(inputs, group);
    int groups = padded / group;
    String whole =
        padded == inputs
            ? x
            : graph.node("Pad", List.of(x, graph.indices(0, 0, 0, 0, 0, padded - inputs)));
    String grouped = graph.node("Reshape", List.of(whole, graph.indices(0, 0, groups, group)));
    String scale = scale(activation == ActivationMode.PER_TOKEN ? whole : grouped);
    String quotient = graph.node("Div", List.of(grouped, scale));
    String codes =
        graph.node(
            "Clip",
            List.of(
                graph.node("Round", List.of(quotient)),
                graph.scalar(-LARGEST_CODE),
                graph.scalar(LARGEST_CODE)));
    String sum = graph.node("ReduceSum", List.of(codes, graph.indices(-1)));
    String values = graph.node("Mul", List.of(codes, scale));
    String sums = graph.node("Mul", List.of(sum, scale));
    return new Rounded(
        graph.node("Reshape", List.of(values, graph.indices(0, 0, padded))),
        graph.node("Reshape", List.of(sums, graph.indices(0, 0, groups))));
  }

  /** Returns max|x| / 127, or 1 where that is so small that all codes are 0. */
  private String scale(String x) {
    String magnitudes = graph.node("Abs", List.of(x));
    String largest =
        graph.opset().axesAsInput()
            ? graph.node("ReduceMax", List.of(magnitudes, graph.indices(-1)))
            : graph.node("ReduceMax", List.of(magnitudes), Attribute.ofList("axes", -1));
    if (activation == ActivationMode.PER_TOKEN) {
      largest = graph.node("Reshape", List.of(largest, graph.indices(0, 0, 1, 1)));
    }
    return graph.node(
        "Where",
        List.of(
            graph.node("Less", List.of(largest, graph.scalar(SMALLEST))),
            graph.scalar(1f),
            graph.node("Div", List.of(largest, graph.scalar(LARGEST_CODE)))));
  }

  /** Returns the product with a weight, [B, T, N], without a bias. */
  String multiply(Rounded x, String name, QuantizedLinear weight) {
    if (!blockwise()) {
      return graph.node("MatMul", List.of(x.values(), expanded(name, weight)));
    }
    float[] scales = Packing.scalesByGroup(weight);
    String scaled =
        dequantized(
            name,
            CodeColumns.of(weight),
            code -> code - OFFSET,
            graph.floats(name + ".scales", scales, weight.groups(), weight.outputs()),
            weight.group());
    String minimums =
        graph.floats(
            name + ".minimums", shifted(weight, scales), weight.groups(), weight.outputs());
    return graph.node(
        "Add",
        List.of(
            graph.node("MatMul", List.of(x.values(), scaled)),
            graph.node("MatMul", List.of(x.sums(), minimums))));
  }

  /**
   * Returns whether products run on blocks of INT4. ONNX Runtime rounds the activations of a block
   * again, which changes nothing if each block has the scale of its own maximum.
   */
  boolean blockwise() {
    return graph.opset().int4() && activation == ActivationMode.PER_GROUP;
  }

  /** Returns the minimums of the codes -8..7, m + 8 s. */
  private static float[] shifted(QuantizedLinear weight, float[] scales) {
    float[] minimums = Packing.minimumsByGroup(weight);
    for (int i = 0; i < minimums.length; i++) {
      minimums[i] += OFFSET * scales[i];
    }
    return minimums;
  }

  /** Returns scale * code, [K, N], of INT4 blocks. */
  String dequantized(
      String name, CodeColumns codes, PackedTensors.Mapping mapping, String scales, int group) {
    return graph.node(
        "DequantizeLinear",
        List.of(
            graph.tensor(
                name + ".codes",
                OnnxType.INT4,
                PackedTensors.int4(codes, mapping),
                codes.columns(),
                codes.rows()),
            scales),
        Attribute.of("axis", 0),
        Attribute.of("block_size", group));
  }

  /** Returns scale * code + minimum, [K, N], as float32. */
  private String expanded(String name, QuantizedLinear weight) {
    CodeColumns codes = CodeColumns.of(weight);
    float[] scales = Packing.scalesByGroup(weight);
    int groups = weight.groups();
    int n = weight.outputs();
    String blocks = graph.indices(groups, weight.group(), n);
    String scale = graph.floats(name + ".scales", scales, groups, 1, n);
    String minimum =
        graph.floats(name + ".minimums", Packing.minimumsByGroup(weight), groups, 1, n);
    String values =
        graph.node(
            "Cast", List.of(unpacked(name, codes)), Attribute.of("to", OnnxType.FLOAT.number()));
    String grouped = graph.node("Reshape", List.of(values, blocks));
    String weights =
        graph.node("Add", List.of(graph.node("Mul", List.of(grouped, scale)), minimum));
    return graph.node("Reshape", List.of(weights, graph.indices(codes.columns(), n)));
  }

  /** Returns the codes 0..15, [K, N], as integers that operators of every opset take. */
  private String unpacked(String name, CodeColumns codes) {
    int words = PackedTensors.words(codes.rows());
    String rest =
        graph.tensor(
            name + ".words", OnnxType.INT32, PackedTensors.words(codes), codes.columns(), words);
    String base = graph.integer(16);
    List<String> digits = new ArrayList<>();
    for (int i = 0; i < PackedTensors.CODES_PER_WORD; i++) {
      String higher = graph.node("Div", List.of(rest, base));
      String digit = graph.node("Sub", List.of(rest, graph.node("Mul", List.of(higher, base))));
      digits.add(graph.node("Unsqueeze", List.of(digit, graph.indices(-1))));
      rest = higher;
    }
    String all = graph.node("Concat", digits, Attribute.of("axis", -1));
    String flat =
        graph.node(
            "Reshape",
            List.of(
                all, graph.indices(codes.columns(), (long) words * PackedTensors.CODES_PER_WORD)));
    return graph.node(
        "Slice", List.of(flat, graph.indices(0), graph.indices(codes.rows()), graph.indices(1)));
  }
}
