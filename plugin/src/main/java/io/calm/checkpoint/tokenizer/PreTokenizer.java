package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.CheckpointException;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The pre-tokenizer of a byte-level BPE model, which splits a text into words before merging. Each
 * equals that of the models' original {@code tokenizer.json}; {@code default} equals llama.cpp's
 * for files that name none.
 *
 * @param names values of {@code tokenizer.ggml.pre}
 * @param steps the steps in order, as in {@code tokenizer.json}
 * @param traits further properties of tokenizers with this pre-tokenizer
 */
record PreTokenizer(List<String> names, List<JsonObject> steps, Set<Trait> traits) {
  private static final List<PreTokenizer> ALL =
      List.of(
          new PreTokenizer(List.of("gpt-2", "phi-2"), List.of(Step.words()), Set.of()),
          new PreTokenizer(
              List.of("smollm", "starcoder", "refact"),
              List.of(Step.digits(), Step.words()),
              Set.of()),
          new PreTokenizer(
              List.of("llama-bpe", "llama3", "llama-v3", "falcon3"),
              List.of(Step.tiktoken("\\p{N}{1,3}"), Step.bytes()),
              Set.of(Trait.WHOLE_WORDS_FIRST, Trait.ADDS_BOS)),
          new PreTokenizer(
              List.of("qwen2"),
              List.of(Step.tiktoken("\\p{N}"), Step.bytes()),
              Set.of(Trait.COMPOSED)),
          new PreTokenizer(
              List.of("deepseek-r1-qwen"),
              List.of(Step.tiktoken("\\p{N}"), Step.bytes()),
              Set.of()),
          new PreTokenizer(
              List.of("default"),
              List.of(
                  Step.split("[\\p{P}\\$\\+<=>\\^~\\|]+"),
                  Step.split(
                      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+"
                          + "| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"),
                  Step.split("\\p{N}+"),
                  Step.split("[0-9][0-9][0-9]"),
                  Step.bytes()),
              Set.of()));

  /** A property that tokenizers with a pre-tokenizer share. */
  enum Trait {
    /** A word in the vocabulary becomes one token without merges. */
    WHOLE_WORDS_FIRST,
    /** Text is normalized to NFC. */
    COMPOSED,
    /** BOS is added unless the file says otherwise. */
    ADDS_BOS
  }

  /**
   * Returns the pre-tokenizer with a name.
   *
   * @throws io.calm.checkpoint.CheckpointException if it is not supported
   */
  static PreTokenizer of(String name) {
    return ALL.stream()
        .filter(it -> it.names.contains(name))
        .findFirst()
        .orElseThrow(
            () ->
                GgufVocabulary.refuse(
                    "pre", "one of " + supported(), "\"" + Printable.of(name) + "\""));
  }

  /**
   * Returns the pre-tokenizer of a tokenizer.json.
   *
   * @param json a checked file
   * @param source the file, for error messages
   * @throws CheckpointException if none has the same steps, normalizer and order of merges
   */
  static PreTokenizer of(JsonObject json, String source) {
    JsonObject model = json.getAsJsonObject("model");
    boolean whole = model.has("ignore_merges") && model.get("ignore_merges").getAsBoolean();
    List<String> normalizers =
        flat(json.get("normalizer"), "normalizers").stream()
            .map(step -> step.get("type").getAsString())
            .toList();
    List<String> steps = canonical(flat(json.get("pre_tokenizer"), "pretokenizers"));
    return ALL.stream()
        .filter(it -> canonical(it.steps).equals(steps))
        .filter(it -> it.has(Trait.WHOLE_WORDS_FIRST) == whole)
        .filter(it -> normalizers.equals(it.has(Trait.COMPOSED) ? List.of("NFC") : List.of()))
        .findFirst()
        .orElseThrow(
            () ->
                CheckpointException.refused(
                    source + ": pre_tokenizer",
                    "one of those that GGUF names: " + supported(),
                    "%s after %s, ignore_merges=%s".formatted(steps, normalizers, whole),
                    "export with --format safetensors"));
  }

  /** Returns the steps of a sequence, or the one step; none if there is no such element. */
  static List<JsonObject> flat(@Nullable JsonElement element, String name) {
    if (!(element instanceof JsonObject step)) {
      return List.of();
    }
    if (!step.get("type").getAsString().equals("Sequence")) {
      return List.of(step);
    }
    List<JsonObject> steps = new ArrayList<>();
    step.getAsJsonArray(name).forEach(inner -> steps.addAll(flat(inner, name)));
    return steps;
  }

  /** Returns each step without the fields that do not change the words. */
  private static List<String> canonical(List<JsonObject> steps) {
    List<String> texts = new ArrayList<>();
    for (JsonObject step : steps) {
      Map<String, JsonElement> fields = new TreeMap<>(step.asMap());
      fields.remove("trim_offsets");
      if (step.get("type").getAsString().equals("ByteLevel")) {
        fields.putIfAbsent("use_regex", new JsonPrimitive(true));
      }
      texts.add(fields.toString());
    }
    return texts;
  }

  boolean has(Trait trait) {
    return traits.contains(trait);
  }

  private static String supported() {
    return ALL.stream().flatMap(it -> it.names.stream()).collect(Collectors.joining(", "));
  }

  private static final class Step {
    private Step() {}

    /** Splits at the matches of an expression; matches and the text between them are words. */
    static JsonObject split(String regex) {
      JsonObject pattern = new JsonObject();
      pattern.addProperty("Regex", regex);
      JsonObject step = new JsonObject();
      step.addProperty("type", "Split");
      step.add("pattern", pattern);
      step.addProperty("behavior", "Isolated");
      step.addProperty("invert", false);
      return step;
    }

    /** Splits with the expression of LLaMA 3 and Qwen2, which differ only in digits. */
    static JsonObject tiktoken(String digits) {
      return split(
          "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
              + digits
              + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");
    }

    /** Splits off each digit. */
    static JsonObject digits() {
      JsonObject step = new JsonObject();
      step.addProperty("type", "Digits");
      step.addProperty("individual_digits", true);
      return step;
    }

    /** Splits with GPT-2's expression and spells bytes in its alphabet. */
    static JsonObject words() {
      return byteLevel(true);
    }

    /** Spells bytes in GPT-2's alphabet. */
    static JsonObject bytes() {
      return byteLevel(false);
    }

    private static JsonObject byteLevel(boolean split) {
      JsonObject step = new JsonObject();
      step.addProperty("type", "ByteLevel");
      step.addProperty("add_prefix_space", false);
      step.addProperty("trim_offsets", true);
      step.addProperty("use_regex", split);
      return step;
    }
  }
}
