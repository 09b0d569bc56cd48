package io.calm.serving.load;

import io.calm.checkpoint.Checkpoint;
import io.calm.model.ModelSpec;
import io.calm.quant.NearestRounding;
import io.calm.serving.settings.CalmSettings.HeadFormat;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import java.nio.ByteBuffer;
import java.util.function.IntFunction;

/**
 * Embeddings and lm_head in the format of {@code calm.lm-head}, read band by band.
 *
 * @param head the same object as {@code embeddings} where the model ties them
 */
record Tables(TokenTable embeddings, TokenTable head) {
  private static final int BAND = 4096;

  boolean tied() {
    return embeddings == head;
  }

  static Tables build(Checkpoint checkpoint, HeadFormat format, int groupLimit, Parallel parallel) {
    ModelSpec spec = checkpoint.spec();
    Rows embeddingRows = checkpoint::embeddingRows;
    Rows headRows = checkpoint::headRows;
    TokenTable embeddings = table(spec, format, groupLimit, parallel, embeddingRows);
    TokenTable head =
        spec.tiedEmbeddings() ? embeddings : table(spec, format, groupLimit, parallel, headRows);
    return new Tables(embeddings, head);
  }

  /** Reads rows {@code from .. to}. */
  private interface Rows {
    Matrix read(int from, int to);
  }

  private static TokenTable table(
      ModelSpec spec, HeadFormat format, int groupLimit, Parallel parallel, Rows rows) {
    int group = QuantizedLinear.groupFor(spec.hidden(), groupLimit);
    if (format == HeadFormat.INT4) {
      try (Matrix all = rows.read(0, spec.vocabulary())) {
        return new TokenTable.Int4(
            Packing.pack(NearestRounding.plain(all, group, parallel, "LM_HEAD")));
      }
    }
    IntFunction<ByteBuffer> memory = ByteBuffer::allocateDirect;
    int tokens = spec.vocabulary();
    int width = spec.hidden();
    TokenTableBuilder builder =
        switch (format) {
          case INT8 -> TokenTableBuilder.int8(tokens, width, group, memory);
          case FLOAT16 -> TokenTableBuilder.float16(tokens, width, memory);
          case FLOAT32 -> TokenTableBuilder.float32(tokens, width, memory);
          case INT4 -> throw new IllegalStateException("handled above");
        };
    for (int from = 0; from < tokens; from += BAND) {
      try (Matrix band = rows.read(from, Math.min(tokens, from + BAND))) {
        builder.add(band);
      }
    }
    return builder.build();
  }
}
