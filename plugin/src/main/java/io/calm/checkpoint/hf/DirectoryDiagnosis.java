package io.calm.checkpoint.hf;

import com.google.gson.JsonElement;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.JsonFiles;
import io.calm.files.FileErrors;
import io.calm.text.Printable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Explains why a directory is not a supported model, from the names of its files. */
public final class DirectoryDiagnosis {
  private static final String ADAPTER = "adapter_config.json";
  private static final int MAX_ENTRIES = 10_000;
  private static final int MAX_NAMED = 5;
  private static final int MAX_DEPTH = 3;

  private static final Pattern SHARD = files(".*-\\d{1,9}-of-\\d{1,9}\\.safetensors");
  private static final Pattern GGUF_PART = files(".*-\\d{1,9}-of-\\d{1,9}\\.gguf");
  private static final Pattern PICKLE = files(".*\\.(bin|pt|pth|ckpt)");
  private static final Pattern ARCHIVE = files(".*\\.(zip|tar|tgz|gz|7z|xz|zst|rar)");
  private static final Pattern UNFINISHED =
      files(".*\\.(incomplete|part|partial|crdownload|aria2|download|tmp)");

  /** Formats of other libraries, recognized by file names. */
  private static final List<Format> FORMATS =
      List.of(
          new Format("an ONNX model", ".*\\.onnx(_data)?"),
          new Format("a TensorFlow model", "saved_model\\.pb|tf_model\\.h5|.*\\.(ckpt-\\d+.*|h5)"),
          new Format("a Flax model", "flax_model.*\\.msgpack"),
          new Format("a TensorFlow Lite model", ".*\\.(tflite|litertlm|task)"),
          new Format("a Core ML model", ".*\\.(mlmodel|mlpackage)"),
          new Format("an OpenVINO model", "openvino_.*\\.(xml|bin)"),
          new Format("a TensorRT engine", ".*\\.(engine|plan)"),
          new Format("a llama.cpp model in the format before GGUF", ".*ggml.*\\.bin"),
          new Format("a NeMo model", ".*\\.nemo"));

  /** Compiles a pattern of file names, which may contain any character. */
  private static Pattern files(String names) {
    return Pattern.compile(names, Pattern.DOTALL);
  }

  private record Format(String name, Pattern files) {
    Format(String name, String names) {
      this(name, DirectoryDiagnosis.files(names));
    }
  }

  private final Path directory;
  private final List<String> names;

  private DirectoryDiagnosis(Path directory, List<String> names) {
    this.directory = directory;
    this.names = names;
  }

  private static DirectoryDiagnosis of(Path directory) {
    return new DirectoryDiagnosis(directory, list(directory, file -> true));
  }

  private static List<String> list(Path directory, Predicate<Path> filter) {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .limit(MAX_ENTRIES)
          .filter(filter)
          .map(file -> file.getFileName().toString())
          .sorted()
          .toList();
    } catch (IOException | UncheckedIOException e) { // from opening or from listing the directory
      throw CheckpointException.refused(
          directory.toString(),
          "a readable directory",
          FileErrors.reason(e),
          "check its permissions",
          e);
    }
  }

  /**
   * Rejects a model with an adapter beside its weights, because the base model alone would give
   * other answers.
   *
   * @throws CheckpointException if the directory contains a LoRA adapter
   */
  static void requireNoAdapter(Path directory) {
    DirectoryDiagnosis diagnosis = of(directory);
    Optional<String> adapter = diagnosis.adapter();
    if (adapter.isPresent()) {
      throw diagnosis.refused(
          "a model without an adapter",
          "a LoRA adapter beside it (%s)".formatted(adapter.get()),
          "leaving it out would change the answers: merge it with peft's merge_and_unload(), or"
              + " move it away to serve the base model");
    }
  }

  /** Returns the exception for a directory with neither config.json nor a single .gguf file. */
  public static CheckpointException noModel(Path directory) {
    DirectoryDiagnosis diagnosis = of(directory);
    return diagnosis
        .commonCause("config.json, or one .gguf file")
        .orElseGet(diagnosis::withoutConfig);
  }

  /** Returns the exception for a directory with config.json but no weights. */
  static CheckpointException noWeights(Path directory) {
    DirectoryDiagnosis diagnosis = of(directory);
    String expected = "model.safetensors, or shards with model.safetensors.index.json";
    List<String> shards = diagnosis.matching(SHARD);
    if (!shards.isEmpty()) {
      return diagnosis.refused(
          expected,
          "the shards %s without their index".formatted(some(shards)),
          "download model.safetensors.index.json too");
    }
    return diagnosis.commonCause(expected).orElseGet(() -> diagnosis.otherWeights(expected));
  }

  private CheckpointException otherWeights(String expected) {
    List<String> ggufs = ending(".gguf");
    if (!ggufs.isEmpty()) {
      return refused(expected, "only " + some(ggufs), "give the path of the .gguf file");
    }
    List<String> safetensors = ending(".safetensors");
    if (!safetensors.isEmpty()) {
      return refused(
          expected, "only " + some(safetensors), "rename the model's weights to model.safetensors");
    }
    return refused(expected, "no weights", "check that the download is complete");
  }

  /** Returns the exception for files that are decisive whatever else the directory contains. */
  private Optional<CheckpointException> commonCause(String expected) {
    Optional<String> adapter = adapter();
    if (adapter.isPresent()) {
      return Optional.of(
          refused(
              expected,
              "a LoRA adapter (%s) without its base model%s".formatted(adapter.get(), base()),
              "merge it into its base model with peft's merge_and_unload() and give the result"));
    }
    if (names.contains("params.json") || !starting("consolidated.").isEmpty()) {
      return Optional.of(
          refused(
              expected,
              "weights in the native format of Mistral or Meta (params.json, consolidated.*)",
              "download the model in Hugging Face's format, or convert it with transformers"));
    }
    if (names.contains("model_index.json")) {
      return Optional.of(
          refused(expected, "a diffusers pipeline", "only text generation models are supported"));
    }
    List<String> pickles = matching(PICKLE).stream().filter(this::isPyTorch).toList();
    if (!pickles.isEmpty() && ending(".safetensors").isEmpty()) {
      return Optional.of(
          refused(
              expected,
              "only %s, PyTorch weights".formatted(some(pickles)),
              "convert them with transformers' save_pretrained(safe_serialization=True)"));
    }
    for (Format format : FORMATS) {
      List<String> files = matching(format.files());
      if (!files.isEmpty() && ending(".safetensors").isEmpty() && ending(".gguf").isEmpty()) {
        return Optional.of(
            refused(
                expected,
                "%s (%s)".formatted(format.name(), some(files)),
                "use the model in Hugging Face's format or as GGUF"));
      }
    }
    return unfinished(expected);
  }

  private boolean isPyTorch(String name) {
    return FORMATS.stream().noneMatch(format -> format.files().matcher(name).matches())
        && !name.equals("training_args.bin");
  }

  private Optional<CheckpointException> unfinished(String expected) {
    List<String> unfinished = matching(UNFINISHED);
    if (!unfinished.isEmpty()) {
      return Optional.of(
          refused(
              expected,
              "an unfinished download (%s)".formatted(some(unfinished)),
              "finish the download"));
    }
    return Optional.empty();
  }

  private CheckpointException withoutConfig() {
    String expected = "config.json, or one .gguf file";
    List<String> ggufs = ending(".gguf");
    if (!ggufs.isEmpty() && matching(GGUF_PART).size() == ggufs.size()) {
      return refused(
          expected,
          "a GGUF model in parts (%s)".formatted(some(ggufs)),
          "join them with llama.cpp's `llama-gguf-split --merge`");
    }
    if (!ggufs.isEmpty()) {
      return refused(
          expected,
          "%d .gguf files (%s)".formatted(ggufs.size(), some(ggufs)),
          "give the path of the one to use");
    }
    List<String> safetensors = ending(".safetensors");
    if (!safetensors.isEmpty()) {
      return refused(
          expected,
          "weights (%s) without config.json".formatted(some(safetensors)),
          "download config.json and tokenizer.json of the model too");
    }
    List<String> deeper = models(directory, MAX_DEPTH);
    if (!deeper.isEmpty()) {
      return refused(
          expected, "the model in %s".formatted(some(deeper)), "give the path of that directory");
    }
    return empty(expected);
  }

  private CheckpointException empty(String expected) {
    List<String> archives = matching(ARCHIVE);
    if (!archives.isEmpty()) {
      return refused(expected, "an archive (%s)".formatted(some(archives)), "unpack it");
    }
    if (names.isEmpty()) {
      return refused(expected, "an empty directory", "download the model into it");
    }
    return refused(expected, "neither", "check that the download is complete");
  }

  /** Returns subdirectories that contain a model, as relative paths. */
  private List<String> models(Path parent, int depth) {
    return list(parent, Files::isDirectory).stream()
        .limit(100)
        .map(parent::resolve)
        .flatMap(child -> modelsIn(child, depth))
        .limit(MAX_NAMED + 1)
        .toList();
  }

  private Stream<String> modelsIn(Path child, int depth) {
    if (!Files.isReadable(child)) {
      return Stream.empty();
    }
    if (Files.exists(child.resolve("config.json"))
        || !list(child, file -> lower(file).endsWith(".gguf")).isEmpty()) {
      return Stream.of(directory.relativize(child).toString());
    }
    return depth > 1 ? models(child, depth - 1).stream() : Stream.empty();
  }

  private Optional<String> adapter() {
    return names.contains(ADAPTER)
        ? Optional.of(ADAPTER)
        : starting("adapter_model.").stream().findFirst();
  }

  /** Returns the name of an adapter's base model after a space; empty if it is unknown. */
  private String base() {
    try {
      JsonElement base =
          JsonFiles.object(directory.resolve(ADAPTER)).get("base_model_name_or_path");
      return base == null ? "" : " " + Printable.of(base);
    } catch (CheckpointException e) {
      return "";
    }
  }

  private static String lower(Path file) {
    return file.getFileName().toString().toLowerCase(Locale.ROOT);
  }

  private List<String> ending(String suffix) {
    return names.stream().filter(name -> name.toLowerCase(Locale.ROOT).endsWith(suffix)).toList();
  }

  private List<String> starting(String prefix) {
    return names.stream().filter(name -> name.startsWith(prefix)).toList();
  }

  private List<String> matching(Pattern pattern) {
    return names.stream()
        .filter(name -> pattern.matcher(name.toLowerCase(Locale.ROOT)).matches())
        .toList();
  }

  private static String some(List<String> names) {
    List<String> first = names.stream().limit(MAX_NAMED).toList();
    return String.join(", ", first) + (names.size() > first.size() ? ", ..." : "");
  }

  private CheckpointException refused(String expected, String got, String remedy) {
    return CheckpointException.refused(directory.toString(), expected, got, remedy);
  }
}
