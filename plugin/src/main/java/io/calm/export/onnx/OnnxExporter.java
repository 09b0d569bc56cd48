package io.calm.export.onnx;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.export.ExportOutput;
import io.calm.export.ExportProgress;
import io.calm.export.ExportedModel;
import io.calm.export.Exporter;
import io.calm.export.HuggingFaceFiles;
import io.calm.model.ModelSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Writes a directory that DJL Serving loads without the plugin: graph and weights, {@code
 * serving.properties}, the tokenizer, and {@code calm-onnx.json}, which tells clients the shapes.
 */
public final class OnnxExporter implements Exporter {
  private static final Gson JSON = new GsonBuilder().setPrettyPrinting().create();

  private final OnnxRequest request;

  public OnnxExporter(OnnxRequest request) {
    this.request = request;
  }

  @Override
  public ExportOutput.Kind output() {
    return ExportOutput.Kind.DIRECTORY;
  }

  @Override
  public void requireSupported(Checkpoint checkpoint) {
    request.resolve(checkpoint.spec());
    HuggingFaceFiles.requireSupported(checkpoint);
    defaults(checkpoint);
  }

  @Override
  public void write(ExportedModel model, Path out, ExportProgress progress) throws IOException {
    OnnxOptions options = request.resolve(model.spec());
    Map<String, String> metadata = new LinkedHashMap<>(model.provenance().values());
    metadata.put("calm.plan", model.provenance().planJson());
    OnnxModelWriter.write(model.artifact().model(), options, metadata, out, progress);
    progress.at("tokenizer", 0, 1);
    HuggingFaceFiles.write(model, out, "float32");
    Files.writeString(out.resolve("serving.properties"), properties(options));
    Files.writeString(
        out.resolve("calm-onnx.json"),
        JSON.toJson(shapes(model.spec(), options, defaults(model.checkpoint()))) + "\n");
  }

  @Override
  public List<String> notes() {
    if (request.engine() != OnnxEngine.TENSOR_RT) {
      return List.of();
    }
    List<String> missing = TensorRtLibraries.missing(System.getenv());
    return missing.isEmpty() ? List.of() : List.of(TensorRtLibraries.note(missing));
  }

  /** Returns the defaults with the tokens that only the tokenizer knows. */
  private static GenerationDefaults defaults(Checkpoint checkpoint) {
    return checkpoint.generationDefaults().resolved(checkpoint.tokenizer());
  }

  /** Returns serving.properties: arrays in, arrays out. */
  private static String properties(OnnxOptions options) {
    return """
    # Written by calm export. Requests are NDLists (Content-Type: tensor/ndlist).
    engine=%s
    option.modelName=model
    batch_size=1
    minWorkers=1
    maxWorkers=1
    """
        .formatted(options.engine().djlName());
  }

  private static JsonObject shapes(
      ModelSpec spec, OnnxOptions options, GenerationDefaults defaults) {
    JsonObject json = new JsonObject();
    json.addProperty("engine", options.engine().djlName());
    json.addProperty("opset", options.engine().opset().version());
    json.addProperty("layers", spec.layers());
    json.addProperty("kv_heads", spec.kvHeads());
    json.addProperty("head_dim", spec.headDim());
    json.addProperty("vocabulary", spec.vocabulary());
    json.addProperty("context", options.context());
    json.addProperty("kv_cache", options.keys().isPresent() ? "float16" : "float32");
    options
        .shape()
        .ifPresent(
            shape -> {
              json.addProperty("batch", shape.batch());
              json.addProperty("chunk", shape.chunk());
            });
    JsonArray ends = new JsonArray();
    new TreeSet<>(defaults.endOfSequence()).forEach(ends::add);
    json.add("end_of_sequence", ends);
    return json;
  }
}
