package io.calm.artifact;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.tensor.QuantizedLinear;
import java.io.IOException;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Reads and writes a block as sections: {@code block.L.ROLE.codes} and {@code .grids} of shape [N,
 * K, group] for each linear, {@code block.L.ROLE.bias} [N] for a linear with a bias, and {@code
 * block.L.norm.NORM}.
 */
final class BlockSections {
  private BlockSections() {}

  /** Throws an exception if {@code block} does not have the shapes of {@code spec}. */
  static void requireFits(ModelSpec spec, int layer, BlockParameters<QuantizedLinear> block) {
    for (LinearRole role : LinearRole.values()) {
      QuantizedLinear linear = block.linear(role);
      require(layer, role + " outputs", spec.outputs(role), linear.outputs());
      require(layer, role + " inputs", spec.inputs(role), linear.inputs());
    }
    require(layer, "biases", spec.biases(), block.biases().keySet());
    block
        .biases()
        .forEach((role, b) -> require(layer, role + " bias", spec.outputs(role), b.length));
    require(layer, "norms", new HashSet<>(spec.norms()), block.norms().keySet());
    block.norms().forEach((norm, w) -> require(layer, norm + " norm", spec.width(norm), w.length));
  }

  private static void require(int layer, String what, Object expected, Object got) {
    if (!expected.equals(got)) {
      throw new IllegalArgumentException(
          "block %d: %s: expected %s, got %s".formatted(layer, what, expected, got));
    }
  }

  static void write(SectionWriter writer, int layer, BlockParameters<QuantizedLinear> block)
      throws IOException {
    for (LinearRole role : LinearRole.values()) {
      writeLinear(writer, name(layer, role), block.linear(role));
      float[] bias = block.biases().get(role);
      if (bias != null) {
        writer.write(name(layer, role) + ".bias", bias);
      }
    }
    for (Map.Entry<NormRole, float[]> norm : block.norms().entrySet()) {
      writer.write(name(layer, norm.getKey()), norm.getValue());
    }
  }

  static void writeLinear(SectionWriter writer, String name, QuantizedLinear linear)
      throws IOException {
    List<Integer> shape = List.of(linear.outputs(), linear.inputs(), linear.group());
    writer.write(name + ".codes", linear.codes(), shape);
    writer.write(name + ".grids", linear.grids(), shape);
  }

  static BlockParameters<QuantizedLinear> read(MappedSections sections, int layer, ModelSpec spec) {
    Map<LinearRole, QuantizedLinear> linears = new EnumMap<>(LinearRole.class);
    Map<LinearRole, float[]> biases = new EnumMap<>(LinearRole.class);
    for (LinearRole role : LinearRole.values()) {
      linears.put(role, readLinear(sections, name(layer, role)));
      if (spec.biases().contains(role)) {
        biases.put(role, sections.floats(name(layer, role) + ".bias"));
      }
    }
    Map<NormRole, float[]> norms = new EnumMap<>(NormRole.class);
    for (NormRole norm : spec.norms()) {
      norms.put(norm, sections.floats(name(layer, norm)));
    }
    BlockParameters<QuantizedLinear> block = new BlockParameters<>(linears, biases, norms);
    requireFits(spec, layer, block);
    return block;
  }

  static QuantizedLinear readLinear(MappedSections sections, String name) {
    List<Integer> shape = sections.section(name + ".codes").shape();
    return new QuantizedLinear(
        shape.get(0),
        shape.get(1),
        shape.get(2),
        sections.bytes(name + ".codes"),
        sections.bytes(name + ".grids"));
  }

  private static String name(int layer, LinearRole role) {
    return "block.%d.%s".formatted(layer, lower(role));
  }

  private static String name(int layer, NormRole norm) {
    return "block.%d.norm.%s".formatted(layer, lower(norm));
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
