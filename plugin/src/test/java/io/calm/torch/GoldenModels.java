package io.calm.torch;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.checkpoint.Goldens;
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
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** The golden checkpoints as W4A8 models. */
final class GoldenModels {
  /** One for each topology. */
  static final List<String> FAMILIES =
      List.of(
          "llama-gqa",
          "llama-sharded-f16",
          "llama3-rope-scaled",
          "mistral-sliding-window",
          "qwen2-bias",
          "qwen3-qknorm");

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

  /** Returns the tokens of a golden's prompt. */
  static int[] prompt(String family) throws IOException {
    JsonArray array =
        JsonParser.parseString(Files.readString(Goldens.path(family).resolve("expected.json")))
            .getAsJsonObject()
            .getAsJsonArray("input_ids");
    return IntStream.range(0, array.size()).map(i -> array.get(i).getAsInt()).toArray();
  }
}
