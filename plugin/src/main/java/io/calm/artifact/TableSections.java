package io.calm.artifact;

import io.calm.model.ModelSpec;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import java.io.IOException;
import java.util.List;

/**
 * Reads and writes a token table as sections: {@code int8} as {@code NAME.codes} [V, D, group] and
 * {@code NAME.scales} [V padded]; {@code int4} as a linear's {@code NAME.codes} and {@code
 * NAME.grids}; {@code float16} and {@code float32} as {@code NAME.values} [V, D].
 */
final class TableSections {
  static final String EMBEDDINGS = "embeddings";
  static final String HEAD = "head";
  static final String FINAL_NORM = "final-norm";

  private TableSections() {}

  static void requireFits(ModelSpec spec, String name, TokenTable table) {
    if (table.tokens() != spec.vocabulary() || table.width() != spec.hidden()) {
      throw new IllegalArgumentException(
          "%s: expected [%d, %d], got [%d, %d]"
              .formatted(name, spec.vocabulary(), spec.hidden(), table.tokens(), table.width()));
    }
  }

  static void requireFits(ModelSpec spec, float[] finalNorm) {
    if (finalNorm.length != spec.hidden()) {
      throw new IllegalArgumentException(
          "%s: expected %d weights, got %d".formatted(FINAL_NORM, spec.hidden(), finalNorm.length));
    }
  }

  static void write(SectionWriter writer, String name, TokenTable table) throws IOException {
    List<Integer> shape = List.of(table.tokens(), table.width());
    if (table instanceof TokenTable.Int8Table int8) {
      writer.write(
          name + ".codes", int8.codes(), List.of(table.tokens(), table.width(), int8.group()));
      writer.write(name + ".scales", int8.scales(), List.of(int8.scales().remaining() / 4));
    } else if (table instanceof TokenTable.Int4 int4) {
      BlockSections.writeLinear(writer, name, int4.weight());
    } else if (table instanceof TokenTable.Float16Table float16) {
      writer.write(name + ".values", float16.values(), shape);
    } else if (table instanceof TokenTable.Float32 float32) {
      writer.write(name + ".values", float32.values(), shape);
    }
  }

  static TokenTable read(MappedSections sections, String name, TableFormat format, ModelSpec spec) {
    TokenTable table = read(sections, name, format);
    requireFits(spec, name, table);
    return table;
  }

  private static TokenTable read(MappedSections sections, String name, TableFormat format) {
    if (format == TableFormat.INT4) {
      return new TokenTable.Int4(BlockSections.readLinear(sections, name));
    }
    String data = format == TableFormat.INT8 ? name + ".codes" : name + ".values";
    List<Integer> shape = sections.section(data).shape();
    int tokens = shape.get(0);
    int width = shape.get(1);
    return switch (format) {
      case INT8 ->
          new TokenTable.Int8Table(
              tokens, width, shape.get(2), sections.bytes(data), sections.bytes(name + ".scales"));
      case FLOAT16 -> new TokenTable.Float16Table(tokens, width, sections.bytes(data));
      case FLOAT32 -> new TokenTable.Float32(tokens, width, sections.bytes(data));
      case INT4 -> new TokenTable.Int4(BlockSections.readLinear(sections, name));
    };
  }
}
