package io.calm.cli;

import io.calm.export.onnx.OnnxEngine;
import io.calm.export.onnx.OnnxExporter;
import io.calm.export.onnx.OnnxRequest;
import io.calm.runtime.KvType;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of {@code calm export --format onnx}. */
final class OnnxMixin {
  @Option(
      names = "--engine",
      paramLabel = "ENGINE",
      description =
          "onnx: DJL's engine, OnnxRuntime or TensorRT, which has fixed shapes."
              + " Default: OnnxRuntime.")
  private @Nullable String engine;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "onnx: sequences per run; makes all shapes fixed. Default: any, TensorRT 1.")
  private @Nullable Integer batch;

  @Option(
      names = "--chunk",
      paramLabel = "N",
      description =
          "onnx: tokens of a sequence per run; makes all shapes fixed. Default: any, TensorRT 1.")
  private @Nullable Integer chunk;

  @Option(
      names = "--context",
      paramLabel = "N",
      description =
          "onnx: number of positions. Default: the model's, at most 32768, or 2048 with fixed"
              + " shapes.")
  private @Nullable Integer context;

  @Option(
      names = "--kv-cache",
      paramLabel = "TYPE",
      description =
          "onnx: type of the KV cache, float32, or float16, which DJL's engine does not take."
              + " Default: float32.")
  private @Nullable String keys;

  /** Returns the exporter of these options. */
  OnnxExporter exporter() {
    return new OnnxExporter(
        new OnnxRequest(
            engine(),
            size("--batch", batch),
            size("--chunk", chunk),
            size("--context", context),
            keys()));
  }

  /**
   * Checks that no option is given for another format.
   *
   * @throws IllegalArgumentException if one is
   */
  void requireNone(String format) {
    if (engine != null || batch != null || chunk != null || context != null || keys != null) {
      throw new ArgumentException(
          "--engine, --batch, --chunk, --context and --kv-cache: expected --format onnx, got %s;"
                  .formatted(format)
              + " leave them out");
    }
  }

  private OnnxEngine engine() {
    if (engine == null) {
      return OnnxEngine.ONNX_RUNTIME;
    }
    String given = engine;
    return OnnxEngine.parse(given)
        .orElseThrow(() -> refused("--engine", "OnnxRuntime or TensorRT", given));
  }

  private Optional<KvType> keys() {
    if (keys == null || keys.equals("float32")) {
      return Optional.empty();
    }
    if (keys.equals("float16")) {
      return Optional.of(KvType.FLOAT16);
    }
    throw refused("--kv-cache", "float32 or float16", keys);
  }

  private static OptionalInt size(String option, @Nullable Integer value) {
    if (value == null) {
      return OptionalInt.empty();
    }
    if (value < 1) {
      throw refused(option, "a positive number", value);
    }
    return OptionalInt.of(value);
  }

  private static IllegalArgumentException refused(String option, String expected, Object got) {
    return new ArgumentException(
        "%s: expected %s, got %s; correct the option".formatted(option, expected, got));
  }
}
