package io.calm.bench;

import com.google.gson.JsonObject;
import io.calm.cli.ArgumentException;
import io.calm.model.ModelSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** The runtimes that a whole decoder is compared with. */
enum PeerRuntime {
  LLAMA("llama-cpp-python", "llama.cpp", "llama_peer.py", ".gguf"),
  OPENVINO("openvino-genai", "openvino-genai", "openvino_peer.py", ".gguf"),
  ONNX("onnxruntime-genai", "onnxruntime-genai", "onnxruntime_peer.py", ".json");

  private static final long SEED = 5;

  private final String distribution;
  private final String shownName;
  private final String script;
  private final String suffix;

  PeerRuntime(String distribution, String shownName, String script, String suffix) {
    this.distribution = distribution;
    this.shownName = shownName;
    this.script = script;
    this.suffix = suffix;
  }

  /** Returns the name of the Python package, which is the value of {@code --peer}. */
  String distribution() {
    return distribution;
  }

  /** Returns the name in figures. */
  String shownName() {
    return shownName;
  }

  /** Returns the resource with the program that measures it. */
  String script() {
    return script;
  }

  /** Returns the ending of the file that {@link #write} makes. */
  String suffix() {
    return suffix;
  }

  /**
   * Writes what the program reads: a GGUF file of random Q4_0 weights, or for ONNX Runtime, whose
   * program makes the weights, the sizes alone.
   */
  void write(Path file, ModelSpec spec) throws IOException {
    switch (this) {
      case LLAMA -> RandomGguf.write(file, spec, RandomGguf.Vocabulary.SENTENCE_PIECE, SEED);
      case OPENVINO -> RandomGguf.write(file, spec, RandomGguf.Vocabulary.BYTE_LEVEL, SEED);
      case ONNX -> Files.writeString(file, sizes(spec).toString());
    }
  }

  private static JsonObject sizes(ModelSpec spec) {
    JsonObject sizes = new JsonObject();
    sizes.addProperty("hidden", spec.hidden());
    sizes.addProperty("intermediate", spec.intermediate());
    sizes.addProperty("layers", spec.layers());
    sizes.addProperty("heads", spec.heads());
    sizes.addProperty("kvHeads", spec.kvHeads());
    sizes.addProperty("headDim", spec.headDim());
    sizes.addProperty("vocabulary", spec.vocabulary());
    return sizes;
  }

  /**
   * Returns the runtime of that name.
   *
   * @throws ArgumentException if there is none, naming all
   */
  static PeerRuntime named(String name) {
    return Arrays.stream(values())
        .filter(peer -> peer.distribution.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new ArgumentException(
                    "--peer: expected one of %s, got %s"
                        .formatted(String.join(", ", names()), name)));
  }

  private static List<String> names() {
    return Arrays.stream(values()).map(PeerRuntime::distribution).toList();
  }
}
