package io.calm.export;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.SourceFiles;
import io.calm.checkpoint.tokenizer.TokenizerLoader;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The files of a Hugging Face directory other than the weights: config.json, tokenizer, chat
 * template, generation defaults, and calm.json with the origin of the weights.
 */
public final class HuggingFaceFiles {
  /** Keeps nulls: in config.json, {@code "sliding_window": null} is not a missing key. */
  private static final Gson JSON =
      new GsonBuilder().setPrettyPrinting().serializeNulls().disableHtmlEscaping().create();

  /** A special token's key in GGUF and its name in tokenizer_config.json. */
  private record SpecialToken(String key, String name) {}

  /** Special tokens, in the order in which they are written. */
  private static final List<SpecialToken> TOKENS =
      List.of(
          new SpecialToken("bos_token_id", "bos_token"),
          new SpecialToken("eos_token_id", "eos_token"),
          new SpecialToken("unknown_token_id", "unk_token"),
          new SpecialToken("padding_token_id", "pad_token"));

  private HuggingFaceFiles() {}

  /**
   * Checks that the files can be written.
   *
   * @throws ExportException if transformers does not compute the topology
   * @throws io.calm.checkpoint.CheckpointException if the tokenizer is not supported
   */
  public static void requireSupported(Checkpoint checkpoint) {
    if (checkpoint.source() instanceof SourceFiles.Gguf gguf) {
      HuggingFaceConfig.of(checkpoint.spec());
      TokenizerLoader.jsonOfGguf(gguf.metadata());
    }
  }

  /**
   * Returns the linears that have a bias under the written config.json. Those that have none in the
   * model get zeros, because config.json has one flag for all linears of a kind.
   */
  public static Set<LinearRole> biases(Checkpoint checkpoint) {
    return checkpoint.source() instanceof SourceFiles.Gguf
        ? HuggingFaceConfig.biases(checkpoint.spec())
        : checkpoint.spec().biases();
  }

  /**
   * Writes all files.
   *
   * @param directory an existing directory
   * @param dtype PyTorch's name of the weights' number format, e.g. {@code bfloat16}
   */
  public static void write(ExportedModel model, Path directory, String dtype) throws IOException {
    JsonObject config;
    if (model.checkpoint().source() instanceof SourceFiles.Directory source) {
      source.copyTokenizer(directory);
      config =
          JsonParser.parseString(Files.readString(source.file("config.json"))).getAsJsonObject();
    } else {
      config = HuggingFaceConfig.of(model.spec());
      writeFromGguf(model, directory, config);
    }
    config.addProperty("tie_word_embeddings", model.sharesTables());
    config.addProperty("vocab_size", model.spec().vocabulary());
    config.remove("dtype");
    config.addProperty("torch_dtype", dtype);
    writeJson(directory.resolve("config.json"), config);
    writeJson(directory.resolve("calm.json"), origin(model.provenance()));
  }

  private static JsonObject origin(Provenance provenance) {
    JsonObject origin = new JsonObject();
    provenance.values().forEach(origin::addProperty);
    origin.add("calm.plan", JsonParser.parseString(provenance.planJson()));
    return origin;
  }

  private static void writeFromGguf(ExportedModel model, Path directory, JsonObject config)
      throws IOException {
    SourceFiles.Gguf gguf = (SourceFiles.Gguf) model.checkpoint().source();
    Files.writeString(
        directory.resolve("tokenizer.json"), TokenizerLoader.jsonOfGguf(gguf.metadata()));
    writeJson(
        directory.resolve("tokenizer_config.json"), tokenizerConfig(model.spec(), gguf.metadata()));
    GenerationDefaults defaults = model.checkpoint().generationDefaults();
    JsonObject generation = new JsonObject();
    for (JsonObject target : List.of(config, generation)) {
      defaults.bos().ifPresent(id -> target.addProperty("bos_token_id", id));
      JsonArray ends = new JsonArray();
      defaults.endOfSequence().stream().sorted().forEach(ends::add);
      if (!ends.isEmpty()) {
        target.add("eos_token_id", ends.size() == 1 ? ends.get(0) : ends);
      }
    }
    writeJson(directory.resolve("generation_config.json"), generation);
  }

  static JsonObject tokenizerConfig(ModelSpec spec, Map<String, Object> metadata) {
    JsonObject config = new JsonObject();
    config.addProperty("tokenizer_class", "PreTrainedTokenizerFast");
    config.addProperty("clean_up_tokenization_spaces", false);
    config.addProperty("model_max_length", spec.maxContext());
    List<?> tokens = (List<?>) metadata.getOrDefault("tokenizer.ggml.tokens", List.of());
    for (SpecialToken token : TOKENS) {
      if (metadata.get("tokenizer.ggml." + token.key()) instanceof Long id
          && id >= 0
          && id < tokens.size()) {
        config.addProperty(token.name(), String.valueOf(tokens.get(id.intValue())));
      }
    }
    if (metadata.get("tokenizer.chat_template") instanceof String template) {
      config.addProperty("chat_template", template);
    }
    return config;
  }

  private static void writeJson(Path path, JsonObject json) throws IOException {
    Files.writeString(path, JSON.toJson(json) + "\n");
  }
}
