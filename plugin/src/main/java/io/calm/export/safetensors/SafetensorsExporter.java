package io.calm.export.safetensors;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.hf.HfTensorNames;
import io.calm.export.ExportOutput;
import io.calm.export.ExportProgress;
import io.calm.export.ExportedModel;
import io.calm.export.Exporter;
import io.calm.export.HuggingFaceFiles;
import io.calm.export.TensorSteps;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTables;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Writes a model as a Hugging Face directory with dequantized weights, which transformers loads.
 *
 * @param type number format of the weights
 * @param shardBytes maximum size of a safetensors file
 */
public record SafetensorsExporter(WeightType type, long shardBytes) implements Exporter {
  private static final HfTensorNames NAMES = HfTensorNames.INSTANCE;

  /** The size of a shard that transformers writes. */
  public static final long SHARD_BYTES = 5_000_000_000L;

  public SafetensorsExporter(WeightType type) {
    this(type, SHARD_BYTES);
  }

  @Override
  public ExportOutput.Kind output() {
    return ExportOutput.Kind.DIRECTORY;
  }

  @Override
  public void requireSupported(Checkpoint checkpoint) {
    HuggingFaceFiles.requireSupported(checkpoint);
  }

  @Override
  public void write(ExportedModel model, Path out, ExportProgress progress) throws IOException {
    progress.at("tokenizer", 0, 1);
    HuggingFaceFiles.write(model, out, type.torch());
    List<WeightTensor> tensors = tensors(model);
    new ShardWriter(type, shardBytes, model.provenance().values())
        .write(out, tensors, new TensorSteps(NAMES, model.spec().layers(), progress)::at);
  }

  private static List<WeightTensor> tensors(ExportedModel model) {
    ModelSpec spec = model.spec();
    Set<LinearRole> biases = HuggingFaceFiles.biases(model.checkpoint());
    List<WeightTensor> tensors = new ArrayList<>();
    tensors.add(table(NAMES.embeddings(), model.embeddings()));
    for (int layer = 0; layer < spec.layers(); layer++) {
      addBlock(model, layer, biases, tensors);
    }
    tensors.add(WeightTensor.vector(NAMES.finalNorm(), model.finalNorm()));
    if (!model.sharesTables()) {
      tensors.add(table(NAMES.head(), model.head()));
    }
    return tensors;
  }

  private static void addBlock(
      ExportedModel model, int layer, Set<LinearRole> biases, List<WeightTensor> tensors) {
    ModelSpec spec = model.spec();
    BlockParameters<QuantizedLinear> block = model.block(layer);
    for (NormRole norm : spec.norms()) {
      tensors.add(WeightTensor.vector(NAMES.norm(layer, norm), block.norm(norm)));
    }
    for (LinearRole role : LinearRole.values()) {
      QuantizedLinear linear = block.linear(role);
      tensors.add(
          new WeightTensor(
              NAMES.weight(layer, role),
              List.of(linear.outputs(), linear.inputs()),
              (row, target) -> Packing.dequantizeRow(linear, row, target)));
      if (biases.contains(role)) {
        float[] bias = block.biases().getOrDefault(role, new float[linear.outputs()]);
        tensors.add(WeightTensor.vector(NAMES.bias(layer, role), bias));
      }
    }
  }

  private static WeightTensor table(String name, TokenTable table) {
    return new WeightTensor(
        name,
        List.of(table.tokens(), table.width()),
        (token, target) -> TokenTables.readRow(table, token, target));
  }
}
