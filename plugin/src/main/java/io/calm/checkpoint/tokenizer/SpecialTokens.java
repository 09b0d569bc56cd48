package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.JsonFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Reads the special tokens of a Hugging Face directory by name ({@code bos_token}, {@code
 * eos_token}, {@code pad_token}, ...), as chat templates receive them.
 */
public final class SpecialTokens {
  private static final String CONFIG = "tokenizer_config.json";
  private static final List<String> NAMES_WITH_IDS = List.of("bos_token", "eos_token", "pad_token");

  private SpecialTokens() {}

  /**
   * Returns the tokens listed in {@code tokenizer_config.json} or {@code special_tokens_map.json}.
   * The former has precedence; a null there means that there is no such token.
   *
   * @throws CheckpointException if a file exists and is not a JSON object
   */
  public static Map<String, String> named(Path directory) {
    JsonObject config = read(directory.resolve(CONFIG));
    Map<String, String> tokens = new HashMap<>();
    read(directory.resolve("special_tokens_map.json"))
        .entrySet()
        .forEach(entry -> put(tokens, entry));
    for (Map.Entry<String, JsonElement> entry : config.entrySet()) {
      if (entry.getValue().isJsonNull()) {
        tokens.remove(entry.getKey());
      }
      put(tokens, entry);
    }
    return tokens;
  }

  /**
   * Returns the tokens of {@link #named}. If BOS, EOS or padding is not listed, uses the id in
   * {@code generation_config.json} or {@code config.json}, e.g. {@code bos_token_id}.
   *
   * @throws CheckpointException if a file exists and cannot be used
   */
  public static Map<String, String> of(Path directory) {
    Map<String, String> tokens = new HashMap<>(named(directory));
    JsonObject config = read(directory.resolve(CONFIG));
    for (String name : NAMES_WITH_IDS) {
      if (!tokens.containsKey(name) && !config.has(name)) {
        OptionalInt id = id(directory, name + "_id");
        if (id.isPresent()) {
          spelling(directory, config, id.getAsInt()).ifPresent(token -> tokens.put(name, token));
        }
      }
    }
    return tokens;
  }

  /** Adds a token, which is a string or an object with {@code content}. */
  private static void put(Map<String, String> tokens, Map.Entry<String, JsonElement> entry) {
    if (entry.getKey().endsWith("_token")) {
      content(entry.getValue()).ifPresent(token -> tokens.put(entry.getKey(), token));
    }
  }

  private static Optional<String> content(JsonElement token) {
    JsonElement text = token instanceof JsonObject object ? object.get("content") : token;
    return text instanceof JsonPrimitive primitive && primitive.isString()
        ? Optional.of(primitive.getAsString())
        : Optional.empty();
  }

  private static OptionalInt id(Path directory, String key) {
    for (String file : List.of("generation_config.json", "config.json")) {
      JsonElement id = read(directory.resolve(file)).get(key);
      if (id instanceof JsonArray list && !list.isEmpty()) {
        id = list.get(0);
      }
      if (id instanceof JsonPrimitive primitive && primitive.isNumber()) {
        return OptionalInt.of(primitive.getAsInt());
      }
    }
    return OptionalInt.empty();
  }

  /** Looks up a token's text in the files, smallest file first. */
  private static Optional<String> spelling(Path directory, JsonObject config, int id) {
    if (config.get("added_tokens_decoder") instanceof JsonObject decoder
        && decoder.has(Integer.toString(id))) {
      return content(decoder.get(Integer.toString(id)));
    }
    for (Map.Entry<String, JsonElement> token :
        read(directory.resolve("added_tokens.json")).entrySet()) {
      if (token.getValue() instanceof JsonPrimitive number
          && number.isNumber()
          && number.getAsInt() == id) {
        return Optional.of(token.getKey());
      }
    }
    Path file = directory.resolve("tokenizer.json");
    return Files.exists(file)
        ? Optional.ofNullable(TokenizerLoader.read(file).checked().tokens().get(id))
        : Optional.empty();
  }

  private static JsonObject read(Path file) {
    return Files.exists(file) ? JsonFiles.object(file) : new JsonObject();
  }
}
