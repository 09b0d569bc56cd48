package io.calm.quantize;

import io.calm.checkpoint.Checkpoint;
import io.calm.model.ModelSpec;
import io.calm.quant.Compute;
import io.calm.quant.NearestRounding;
import io.calm.tensor.Int4TableBuilder;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.function.IntFunction;

/**
 * The embeddings and the lm_head of a model, in int8 or a floating-point format. They are read from
 * the checkpoint in bands of rows.
 *
 * <p>An int4 head is made later, on the inputs that the search collects for it. The embeddings stay
 * int8 beside an int4 head, because a step reads only one row per token, whatever the size.
 *
 * @param head the same object as {@code embeddings} if the model ties them
 */
record ModelTables(TokenTable embeddings, TokenTable head) {
  private static final int BAND = 4096;

  static ModelTables build(Checkpoint checkpoint, Optional<TableFormat> format, Parallel parallel) {
    ModelSpec spec = checkpoint.spec();
    TokenTableBuilder.RowReader embeddingRows = checkpoint::embeddingRows;
    TokenTableBuilder.RowReader headRows = checkpoint::headRows;
    TableFormat given = format.orElse(TableFormat.INT8);
    TokenTable embeddings = table(spec, given, embeddingRows, parallel);
    TokenTable head = spec.tiedEmbeddings() ? embeddings : table(spec, given, headRows, parallel);
    return new ModelTables(embeddings, head);
  }

  /** Returns an int4 lm_head that is rounded to the nearest codes, without its inputs. */
  static TokenTable int4Head(Checkpoint checkpoint, int groupLimit, Compute compute) {
    ModelSpec spec = checkpoint.spec();
    int group = QuantizedLinear.groupFor(spec.hidden(), groupLimit);
    Int4TableBuilder builder = new Int4TableBuilder(spec.vocabulary(), spec.hidden(), group);
    for (int from = 0; from < spec.vocabulary(); from += BAND) {
      try (Matrix band = checkpoint.headRows(from, Math.min(spec.vocabulary(), from + BAND))) {
        builder.add(NearestRounding.plain(band, group, compute, "LM_HEAD"));
      }
    }
    return builder.build();
  }

  private static TokenTable table(
      ModelSpec spec, TableFormat format, TokenTableBuilder.RowReader rows, Parallel parallel) {
    IntFunction<ByteBuffer> memory = ByteBuffer::allocateDirect;
    int tokens = spec.vocabulary();
    int width = spec.hidden();
    TokenTableBuilder builder =
        switch (format) {
          case INT8, INT4 ->
              TokenTableBuilder.int8(tokens, width, TokenTable.Int8Table.GROUP, memory);
          case FLOAT16 -> TokenTableBuilder.float16(tokens, width, memory);
          case FLOAT32 -> TokenTableBuilder.float32(tokens, width, memory);
        };
    return builder.addAll(rows, parallel).build();
  }
}
