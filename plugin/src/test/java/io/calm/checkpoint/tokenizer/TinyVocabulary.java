package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.testing.Repository;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The byte-level BPE vocabulary of the tiny models, as a tokenizer.json and as GGUF metadata. */
final class TinyVocabulary {
  static final Path DIRECTORY = Repository.path("models/calm-tiny-llama");

  private TinyVocabulary() {}

  static JsonObject json() {
    try {
      return JsonParser.parseString(Files.readString(DIRECTORY.resolve("tokenizer.json")))
          .getAsJsonObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns metadata that can be changed. */
  static Map<String, Object> gguf(String pre) {
    JsonObject json = json();
    Map<String, JsonElement> vocab = json.getAsJsonObject("model").getAsJsonObject("vocab").asMap();
    String[] tokens = new String[vocab.size()];
    Long[] types = new Long[tokens.length];
    Arrays.fill(types, 1L);
    vocab.forEach((token, id) -> tokens[id.getAsInt()] = token);
    for (JsonElement added : json.getAsJsonArray("added_tokens")) {
      types[added.getAsJsonObject().get("id").getAsInt()] = 3L;
    }
    Map<String, Object> metadata = new HashMap<>();
    metadata.put("tokenizer.ggml.model", "gpt2");
    metadata.put("tokenizer.ggml.pre", pre);
    metadata.put("tokenizer.ggml.tokens", List.of(tokens));
    metadata.put("tokenizer.ggml.token_type", List.of(types));
    metadata.put("tokenizer.ggml.merges", merges(json));
    metadata.put("tokenizer.ggml.bos_token_id", 1L);
    metadata.put("tokenizer.ggml.eos_token_id", 2L);
    metadata.put("tokenizer.ggml.add_bos_token", false);
    return metadata;
  }

  private static List<String> merges(JsonObject json) {
    List<String> merges = new ArrayList<>();
    for (JsonElement merge : json.getAsJsonObject("model").getAsJsonArray("merges")) {
      JsonArray pair = merge.getAsJsonArray();
      merges.add(pair.get(0).getAsString() + " " + pair.get(1).getAsString());
    }
    return merges;
  }
}
