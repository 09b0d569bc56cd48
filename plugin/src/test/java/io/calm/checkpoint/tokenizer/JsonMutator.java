package io.calm.checkpoint.tokenizer;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Damages JSON texts, by their structure and by their characters; the same for the same seed. */
final class JsonMutator {
  private static final Gson GSON = new GsonBuilder().serializeNulls().create();

  private static final String MARKS = "\"{}[],:0-e\\u\t\uD800()*+?|";

  private final Random random;
  private final List<JsonObject> seeds;
  private final List<JsonElement> snippets;

  JsonMutator(Random random, List<JsonObject> seeds, List<JsonElement> snippets) {
    this.random = random;
    this.seeds = seeds;
    this.snippets = snippets;
  }

  /** Returns the next text. */
  String next() {
    JsonObject json = pick(seeds).deepCopy();
    if (random.nextBoolean()) {
      replaceSteps(json);
      return GSON.toJson(json);
    }
    for (int i = random.nextInt(4); i >= 0; i--) {
      changeStructure(json);
    }
    String text = GSON.toJson(json);
    if (random.nextInt(3) == 0) {
      for (int i = random.nextInt(3); i >= 0; i--) {
        text = changeText(text);
      }
    }
    return text;
  }

  /** Puts components of the right kind into one of the four places, some flags changed. */
  private void replaceSteps(JsonObject json) {
    for (int i = random.nextInt(2); i >= 0; i--) {
      String slot = pick(List.copyOf(TokenizerSeeds.SLOTS.keySet()));
      List<JsonElement> steps =
          snippets.stream().filter(it -> TokenizerSeeds.fits(slot, it)).toList();
      JsonArray sequence = new JsonArray();
      for (int step = random.nextInt(4); step >= 0; step--) {
        sequence.add(pick(steps).deepCopy());
      }
      if (json.get(slot) instanceof JsonObject own && random.nextBoolean()) {
        sequence.set(random.nextInt(sequence.size()), own.deepCopy());
      }
      JsonObject whole = new JsonObject();
      whole.addProperty("type", "Sequence");
      whole.add(TokenizerSeeds.SLOTS.getOrDefault(slot, slot), sequence);
      json.add(slot, whole);
    }
    for (JsonElement token : json.getAsJsonArray("added_tokens")) {
      String flag = pick(List.of("lstrip", "rstrip", "normalized", "single_word", "special"));
      token.getAsJsonObject().addProperty(flag, random.nextBoolean());
      if (random.nextInt(4) == 0) {
        String content = pick(List.of(" ", "\n\n", "\u0301", "a", "\u2581", "\u200B", "\uFF41"));
        token.getAsJsonObject().addProperty("content", content);
      }
    }
  }

  private void changeStructure(JsonObject root) {
    List<JsonElement> containers = new ArrayList<>();
    collect(root, containers);
    JsonElement container = pick(containers);
    if (container instanceof JsonObject object && !object.isEmpty()) {
      String key = pick(new ArrayList<>(object.keySet()));
      switch (random.nextInt(6)) {
        case 0 -> object.remove(key);
        case 1 -> object.add(pickKey(containers), value(root));
        case 2 -> object.add(key, wrap(object.get(key)));
        default -> object.add(key, changed(object.get(key), root));
      }
    } else if (container instanceof JsonArray array && !array.isEmpty()) {
      int at = random.nextInt(array.size());
      switch (random.nextInt(4)) {
        case 0 -> array.remove(at);
        case 1 -> array.add(value(root));
        case 2 -> array.add(array.get(at).deepCopy());
        default -> array.set(at, changed(array.get(at), root));
      }
    }
  }

  private void collect(JsonElement element, List<JsonElement> containers) {
    if (element instanceof JsonObject object) {
      containers.add(object);
      // Large vocabularies would take nearly all mutations.
      if (object.size() <= 24) {
        object.asMap().values().forEach(it -> collect(it, containers));
      }
    } else if (element instanceof JsonArray array) {
      containers.add(array);
      if (array.size() <= 24) {
        array.forEach(it -> collect(it, containers));
      }
    }
  }

  private JsonElement changed(JsonElement value, JsonObject root) {
    if (random.nextInt(3) == 0 && value instanceof JsonPrimitive primitive) {
      if (primitive.isString()) {
        return new JsonPrimitive(changeText(primitive.getAsString()));
      }
      if (primitive.isBoolean()) {
        return new JsonPrimitive(!primitive.getAsBoolean());
      }
      return new JsonPrimitive(primitive.getAsLong() + random.nextInt(5) - 2);
    }
    return value(root);
  }

  /** Returns a snippet, or a part of this or another seed. */
  private JsonElement value(JsonObject root) {
    if (random.nextInt(3) > 0) {
      return pick(snippets).deepCopy();
    }
    List<JsonElement> parts = new ArrayList<>();
    collect(random.nextBoolean() ? root : pick(seeds), parts);
    JsonElement part = pick(parts);
    return part == root ? JsonNull.INSTANCE : part.deepCopy();
  }

  private JsonElement wrap(JsonElement value) {
    JsonObject sequence = new JsonObject();
    JsonArray steps = new JsonArray();
    for (int i = random.nextInt(3); i >= 0; i--) {
      steps.add(value.deepCopy());
    }
    sequence.addProperty("type", "Sequence");
    sequence.add(pick(List.of("normalizers", "pretokenizers", "processors", "decoders")), steps);
    return sequence;
  }

  private String pickKey(List<JsonElement> containers) {
    if (pick(containers) instanceof JsonObject object && !object.isEmpty()) {
      Map.Entry<String, JsonElement> entry = pick(new ArrayList<>(object.entrySet()));
      return entry.getKey();
    }
    return "type";
  }

  private String changeText(String text) {
    if (text.isEmpty()) {
      return pick(List.of("a", " ", "\0", "\uD83D\uDE00", "\u0301", "##", "("));
    }
    int at = random.nextInt(text.length());
    int end = Math.min(text.length(), at + 1 + random.nextInt(12));
    return switch (random.nextInt(6)) {
      case 0 -> text.substring(0, at);
      case 1 -> text.substring(0, at) + text.substring(end);
      case 2 -> text.substring(0, end) + text.substring(at);
      case 3 ->
          text.substring(0, at) + MARKS.charAt(random.nextInt(MARKS.length())) + text.substring(at);
      case 4 -> text.substring(0, at) + (char) random.nextInt(0x250) + text.substring(at + 1);
      default -> text.substring(0, at) + text.substring(at, end).repeat(3) + text.substring(end);
    };
  }

  private <T> T pick(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }
}
