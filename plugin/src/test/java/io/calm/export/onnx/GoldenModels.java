package io.calm.export.onnx;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.kernels.JavaSearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.quant.Compute;
import io.calm.quant.NearestRounding;
import io.calm.quant.rtn.RtnQuantizer;
import io.calm.tensor.Int4TableBuilder;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import io.calm.tensor.TokenTables;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** The golden families, rounded to nearest. */
final class GoldenModels {
  private static final int GROUP = 32;

  private GoldenModels() {}

  static ModelSpec spec(String family) {
    try (Checkpoint checkpoint = Checkpoints.open(Goldens.path(family))) {
      return checkpoint.spec();
    }
  }

  /** Returns a family with a given format of its tables; embeddings beside int4 are int8. */
  static QuantizedModel model(String family, ActivationMode activation, TableFormat format) {
    try (Checkpoint checkpoint = Checkpoints.open(Goldens.path(family));
        Parallel parallel = new Parallel(1)) {
      Compute compute = new Compute(parallel, new JavaSearchKernels());
      ModelSpec spec = checkpoint.spec();
      List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
      for (int layer = 0; layer < spec.layers(); layer++) {
        blocks.add(RtnQuantizer.quantize(checkpoint.block(layer), GROUP, compute));
      }
      TokenTable embeddings =
          table(
              checkpoint.embeddingRows(0, spec.vocabulary()),
              format == TableFormat.INT4 ? TableFormat.INT8 : format,
              compute);
      boolean shared = spec.tiedEmbeddings() && format != TableFormat.INT4;
      TokenTable head =
          shared ? embeddings : table(checkpoint.headRows(0, spec.vocabulary()), format, compute);
      return new QuantizedModel(spec, blocks, embeddings, head, checkpoint.finalNorm(), activation);
    }
  }

  /** Returns the model with zeros for the embedding of a token. */
  static QuantizedModel withoutEmbedding(QuantizedModel model, int token) {
    TokenTable embeddings = model.embeddings();
    Matrix rows = Matrix.allocate(embeddings.tokens(), embeddings.width());
    float[] row = new float[embeddings.width()];
    for (int t = 0; t < rows.rows(); t++) {
      if (t != token) {
        TokenTables.readRow(embeddings, t, row);
        rows.writeRow(t, row);
      }
    }
    return new QuantizedModel(
        model.spec(),
        model.blocks(),
        TokenTableBuilder.float32(rows.rows(), rows.columns(), ByteBuffer::allocateDirect)
            .add(rows)
            .build(),
        model.head(),
        model.finalNorm(),
        model.activation());
  }

  private static TokenTable table(Matrix rows, TableFormat format, Compute compute) {
    int v = rows.rows();
    int d = rows.columns();
    return switch (format) {
      case FLOAT32 -> TokenTableBuilder.float32(v, d, ByteBuffer::allocateDirect).add(rows).build();
      case FLOAT16 -> TokenTableBuilder.float16(v, d, ByteBuffer::allocateDirect).add(rows).build();
      case INT8 ->
          TokenTableBuilder.int8(v, d, GROUP, ByteBuffer::allocateDirect).add(rows).build();
      case INT4 ->
          new Int4TableBuilder(v, d, GROUP)
              .add(NearestRounding.plain(rows, GROUP, compute, "LM_HEAD"))
              .build();
    };
  }
}
