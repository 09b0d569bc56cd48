package io.calm.torch;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.kernels.JavaSearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.quant.Compute;
import io.calm.quant.rtn.RtnQuantizer;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The golden checkpoints as W4A8 models. */
final class GoldenModels {
  private GoldenModels() {}

  static QuantizedModel model(String family, int group) {
    return quantized(Goldens.path(family), group);
  }

  /** Returns the rtn model of a checkpoint with int8 tables. */
  static QuantizedModel quantized(Path path, int group) {
    try (Checkpoint checkpoint = Checkpoints.open(path);
        Parallel parallel = new Parallel(1)) {
      ModelSpec spec = checkpoint.spec();
      List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
      Compute compute = new Compute(parallel, new JavaSearchKernels());
      for (int layer = 0; layer < spec.layers(); layer++) {
        blocks.add(RtnQuantizer.quantize(checkpoint.block(layer), group, compute));
      }
      TokenTable embeddings =
          TokenTableBuilder.int8(
                  spec.vocabulary(), spec.hidden(), group, ByteBuffer::allocateDirect)
              .add(checkpoint.embeddingRows(0, spec.vocabulary()))
              .build();
      TokenTable head =
          TokenTableBuilder.int8(
                  spec.vocabulary(), spec.hidden(), group, ByteBuffer::allocateDirect)
              .add(checkpoint.headRows(0, spec.vocabulary()))
              .build();
      return new QuantizedModel(
          spec, blocks, embeddings, head, checkpoint.finalNorm(), ActivationMode.PER_GROUP);
    }
  }
}
