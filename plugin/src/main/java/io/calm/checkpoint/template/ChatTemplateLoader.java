package io.calm.checkpoint.template;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.JsonErrors;
import io.calm.checkpoint.storage.JsonFiles;
import io.calm.checkpoint.tokenizer.SpecialTokens;
import io.calm.text.Printable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Locates and parses the chat template of a checkpoint. */
public final class ChatTemplateLoader {
  private static final String CONFIG = "tokenizer_config.json";

  /** GGUF keys of special tokens, with the template variable of each. */
  private static final Map<String, String> GGUF_TOKENS =
      Map.of(
          "bos_token_id", "bos_token",
          "eos_token_id", "eos_token",
          "unknown_token_id", "unk_token",
          "seperator_token_id", "sep_token",
          "padding_token_id", "pad_token",
          "mask_token_id", "mask_token");

  /** Maximum length of a path in an error message. */
  private static final int MAX_PATH = 1000;

  private ChatTemplateLoader() {}

  /**
   * Loads the chat template of a Hugging Face directory. Searches {@code chat_template.jinja},
   * {@code chat_template.json} and {@code tokenizer_config.json}, in this order. Of several named
   * templates, uses {@code default}.
   *
   * @return empty if the directory has no template
   * @throws CheckpointException if a file cannot be read, or the template cannot be parsed
   */
  public static Optional<ChatTemplate> fromDirectory(Path directory) {
    return source(directory)
        .map(it -> new JinjaChatTemplate(it.where(), it.text(), SpecialTokens.of(directory)));
  }

  /**
   * Returns the text of the template that {@link #fromDirectory} loads.
   *
   * @throws CheckpointException if a file cannot be read
   */
  public static Optional<String> textOf(Path directory) {
    return source(directory).map(Source::text);
  }

  private static Optional<Source> source(Path directory) {
    Path jinja = directory.resolve("chat_template.jinja");
    Optional<Source> source =
        Files.exists(jinja) ? Optional.of(new Source(jinja, text(jinja))) : Optional.empty();
    return source
        .or(() -> template(directory, "chat_template.json"))
        .or(() -> template(directory, CONFIG));
  }

  /**
   * Loads the chat template {@code tokenizer.chat_template} of GGUF metadata.
   *
   * @return empty if the metadata has no template
   * @throws CheckpointException if it is not a string or cannot be parsed
   */
  public static Optional<ChatTemplate> fromGguf(Map<String, Object> metadata) {
    Object source = metadata.get("tokenizer.chat_template");
    if (source == null) {
      return Optional.empty();
    }
    if (!(source instanceof String text)) {
      throw CheckpointException.refused(
          "GGUF metadata, key tokenizer.chat_template",
          "a string",
          source,
          "convert the model again with a current llama.cpp");
    }
    Map<String, String> tokens = new HashMap<>();
    GGUF_TOKENS.forEach(
        (key, name) -> token(metadata, key).ifPresent(token -> tokens.put(name, token)));
    return Optional.of(new JinjaChatTemplate("GGUF metadata: chat template", text, tokens));
  }

  private static Optional<String> token(Map<String, Object> metadata, String key) {
    return metadata.get("tokenizer.ggml." + key) instanceof Number id
            && metadata.get("tokenizer.ggml.tokens") instanceof List<?> tokens
            && id.longValue() >= 0
            && id.longValue() < tokens.size()
        ? Optional.of(String.valueOf(tokens.get(id.intValue())))
        : Optional.empty();
  }

  /** Reads a token, which is a string or an object with {@code content}. */
  private static Optional<String> token(JsonObject config, String key) {
    JsonElement token = config.get(key);
    if (token != null && token.isJsonObject()) {
      token = token.getAsJsonObject().get("content");
    }
    return token != null && token.isJsonPrimitive()
        ? Optional.of(token.getAsString())
        : Optional.empty();
  }

  /** The text of a template and its file. */
  private record Source(Path file, String text) {
    String where() {
      return Printable.of(file, MAX_PATH) + ": chat template";
    }
  }

  private static Optional<Source> template(Path directory, String name) {
    Path file = directory.resolve(name);
    JsonElement template = read(file).get("chat_template");
    if (template == null || template.isJsonNull()) {
      return Optional.empty();
    }
    if (template.isJsonArray()) {
      for (JsonElement named : template.getAsJsonArray()) {
        if (named.isJsonObject()
            && named.getAsJsonObject().has("template")
            && token(named.getAsJsonObject(), "name").equals(Optional.of("default"))) {
          template = named.getAsJsonObject().get("template");
        }
      }
    }
    if (template instanceof JsonPrimitive primitive && primitive.isString()) {
      return Optional.of(new Source(file, primitive.getAsString()));
    }
    throw CheckpointException.refused(
        file + ", key chat_template",
        "a string, or a list with a template named default",
        got(template),
        "copy the file again from its source");
  }

  private static String got(JsonElement template) {
    if (template.isJsonPrimitive()) {
      return template.toString();
    }
    return template.isJsonArray() ? "a list without one" : "an object";
  }

  private static JsonObject read(Path file) {
    return Files.exists(file) ? JsonFiles.object(file) : new JsonObject();
  }

  private static String text(Path file) {
    try {
      long bytes = Files.size(file);
      if (bytes > JsonFiles.MAX_BYTES) {
        throw CheckpointException.refused(
            file.toString(),
            "at most %d bytes".formatted(JsonFiles.MAX_BYTES),
            bytes,
            "copy the file again from its source");
      }
      return Files.readString(file);
    } catch (IOException e) {
      throw CheckpointException.refused(
          file.toString(),
          "a readable file in UTF-8",
          JsonErrors.describe(e),
          "copy the file again",
          e);
    }
  }
}
