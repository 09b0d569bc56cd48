package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.calm.checkpoint.CheckpointException;
import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What decoding needs of a {@code tokenizer.json}: spellings, special tokens, the decoder's kind.
 * The model is read as a stream; its merges, the largest part, are skipped.
 */
final class TokenizerJson {
  private static final int MAX_ID = 1 << 24;

  private final String source;
  private final Map<Integer, String> tokens = new HashMap<>();
  private final BitSet added = new BitSet();
  private final BitSet special = new BitSet();
  private Optional<JsonObject> decoder = Optional.empty();

  private TokenizerJson(String source) {
    this.source = source;
  }

  /**
   * Reads the text of a {@code tokenizer.json}.
   *
   * @param source the file, for messages
   */
  static TokenizerJson parse(String json, String source) {
    TokenizerJson result = new TokenizerJson(source);
    try (JsonReader reader = new JsonReader(new StringReader(json))) {
      result.read(reader);
    } catch (IOException
        | JsonParseException
        | IllegalStateException
        | UnsupportedOperationException
        | NumberFormatException e) {
      throw new CheckpointException(
          source
              + ": expected a tokenizer.json of Hugging Face tokenizers, got "
              + e.getMessage()
              + "; copy the file again, or save it with tokenizer.save_pretrained",
          e);
    }
    return result;
  }

  Vocabulary vocabulary() {
    int size = 1 + tokens.keySet().stream().mapToInt(Integer::intValue).max().orElse(-1);
    List<String> spellings = new ArrayList<>(size);
    for (int id = 0; id < size; id++) {
      spellings.add(tokens.getOrDefault(id, ""));
    }
    return new Vocabulary(Collections.unmodifiableList(spellings), added, special);
  }

  /** Returns the Java decoder that does what the file's decoder does, or the library's own. */
  Detokenizer detokenizer(Vocabulary vocabulary, NativeTokenizer library) {
    if (decoder.isPresent()) {
      JsonObject it = decoder.get();
      if (type(it).equals("ByteLevel")) {
        return new SpelledDetokenizer(vocabulary, Spelling.BYTE_LEVEL, false);
      }
      Optional<Boolean> strip = sentencePieceStrip(it);
      if (strip.isPresent()) {
        return new SpelledDetokenizer(vocabulary, Spelling.SENTENCE_PIECE, strip.get());
      }
    }
    return new WindowedDetokenizer(vocabulary, library);
  }

  private void read(JsonReader reader) throws IOException {
    reader.beginObject();
    while (reader.hasNext()) {
      switch (reader.nextName()) {
        case "added_tokens" -> readAdded(JsonParser.parseReader(reader));
        case "decoder" -> readDecoder(JsonParser.parseReader(reader));
        case "model" -> readModel(reader);
        default -> reader.skipValue();
      }
    }
    reader.endObject();
  }

  private void readAdded(JsonElement list) {
    if (list.isJsonNull()) {
      return;
    }
    for (JsonElement element : list.getAsJsonArray()) {
      JsonObject token = element.getAsJsonObject();
      int id = token.get("id").getAsInt();
      put(id, token.get("content").getAsString());
      added.set(id);
      if (token.has("special") && token.get("special").getAsBoolean()) {
        special.set(id);
      }
    }
  }

  private void readDecoder(JsonElement element) {
    decoder =
        element.isJsonObject()
            ? Optional.of(element.getAsJsonObject())
            : Optional.<JsonObject>empty();
  }

  private void readModel(JsonReader reader) throws IOException {
    reader.beginObject();
    while (reader.hasNext()) {
      if (!reader.nextName().equals("vocab")) {
        reader.skipValue();
      } else if (reader.peek() == JsonToken.BEGIN_ARRAY) {
        readUnigram(reader);
      } else {
        reader.beginObject();
        while (reader.hasNext()) {
          String token = reader.nextName();
          int id = reader.nextInt();
          if (!added.get(id)) {
            put(id, token);
          }
        }
        reader.endObject();
      }
    }
    reader.endObject();
  }

  private void readUnigram(JsonReader reader) throws IOException {
    reader.beginArray();
    for (int id = 0; reader.hasNext(); id++) {
      reader.beginArray();
      put(id, reader.nextString());
      reader.skipValue();
      reader.endArray();
    }
    reader.endArray();
  }

  private void put(int id, String token) {
    if (id < 0 || id >= MAX_ID) {
      throw new CheckpointException(
          source
              + ", token "
              + token
              + ": expected an id from 0 to "
              + (MAX_ID - 1)
              + ", got "
              + id
              + "; the file is damaged: copy it again");
    }
    tokens.put(id, token);
  }

  /**
   * Recognizes the decoder of LLaMA's conversions: a sequence of Replace, ByteFallback, Fuse and,
   * at most, a Strip of one leading space. Empty where it is anything else.
   */
  private static Optional<Boolean> sentencePieceStrip(JsonObject decoder) {
    if (!type(decoder).equals("Sequence") || !decoder.has("decoders")) {
      return Optional.empty();
    }
    JsonArray steps = decoder.getAsJsonArray("decoders");
    if (steps.size() < 3
        || steps.size() > 4
        || !replacesUnderline(steps.get(0).getAsJsonObject())
        || !type(steps.get(1).getAsJsonObject()).equals("ByteFallback")
        || !type(steps.get(2).getAsJsonObject()).equals("Fuse")) {
      return Optional.empty();
    }
    if (steps.size() == 3) {
      return Optional.of(false);
    }
    JsonObject strip = steps.get(3).getAsJsonObject();
    boolean one =
        type(strip).equals("Strip")
            && strip.get("content").getAsString().equals(" ")
            && strip.get("start").getAsInt() == 1
            && strip.get("stop").getAsInt() == 0;
    return one ? Optional.of(true) : Optional.empty();
  }

  private static boolean replacesUnderline(JsonObject step) {
    return type(step).equals("Replace")
        && step.get("pattern").isJsonObject()
        && step.getAsJsonObject("pattern").has("String")
        && step.getAsJsonObject("pattern").get("String").getAsString().equals("\u2581")
        && step.get("content").getAsString().equals(" ");
  }

  private static String type(JsonObject step) {
    return step.has("type") ? step.get("type").getAsString() : "";
  }
}
