package io.calm.testing;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.open.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A tokenizer with the ids of {@link ByteTokenizer} and the normalizer and decoder of Llama 2: a
 * text gets a space before its first word, which its decoder removes.
 */
public final class SentencePieceBytes {
  private static final String TEXT =
      """
      {"version": "1.0", "truncation": null, "padding": null, "pre_tokenizer": null,
       "normalizer": {"type": "Sequence", "normalizers": [
         {"type": "Prepend", "prepend": "\u2581"},
         {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
       "post_processor": null,
       "decoder": {"type": "Sequence", "decoders": [
         {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
         {"type": "ByteFallback"}, {"type": "Fuse"},
         {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
       "model": {"type": "BPE", "byte_fallback": true, "merges": []}}
      """;

  private SentencePieceBytes() {}

  /**
   * Writes the tokenizer to a directory and opens it.
   *
   * @param directory an empty directory
   */
  public static Tokenizer open(Path directory) throws IOException {
    JsonObject vocabulary = new JsonObject();
    for (int b = 0; b < ByteTokenizer.BEGIN; b++) {
      vocabulary.addProperty(spelling(b), b);
    }
    JsonArray added = new JsonArray();
    ByteTokenizer bytes = new ByteTokenizer();
    for (int id = ByteTokenizer.BEGIN; id < ByteTokenizer.SIZE; id++) {
      vocabulary.addProperty(bytes.token(id), id);
      added.add(
          JsonParser.parseString(
              """
              {"id": %d, "content": "%s", "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true}"""
                  .formatted(id, bytes.token(id))));
    }
    JsonObject json = JsonParser.parseString(TEXT).getAsJsonObject();
    json.add("added_tokens", added);
    json.getAsJsonObject("model").add("vocab", vocabulary);
    Files.writeString(directory.resolve("tokenizer.json"), json.toString());
    return Checkpoints.openTokenizer(directory);
  }

  private static String spelling(int b) {
    if (b == ' ') {
      return "\u2581";
    }
    return b > ' ' && b < 0x7F ? Character.toString(b) : "<0x%02X>".formatted(b);
  }
}
