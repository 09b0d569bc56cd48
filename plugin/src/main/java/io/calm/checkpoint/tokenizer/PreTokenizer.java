package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonObject;
import io.calm.text.Printable;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How byte-level BPE cuts a text into words before merging. Each is what the original {@code
 * tokenizer.json} of its models has; {@code default} is what llama.cpp does where a file names
 * none.
 *
 * @param names values of {@code tokenizer.ggml.pre}
 * @param steps one after the other, as {@code tokenizer.json} has them
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

  /** What comes with a pre-tokenizer. */
  enum Trait {
    /** A word that is in the vocabulary is taken before any merge is tried. */
    WHOLE_WORDS_FIRST,
    /** Text is normalized to NFC. */
    COMPOSED,
    /** A BOS is added where the file does not say. */
    ADDS_BOS
  }

  /** Returns the pre-tokenizer of that name, or refuses it. */
  static PreTokenizer of(String name) {
    return ALL.stream()
        .filter(it -> it.names.contains(name))
        .findFirst()
        .orElseThrow(
            () ->
                GgufVocabulary.refuse(
                    "pre", "one of " + supported(), "\"" + Printable.of(name) + "\""));
  }

  boolean has(Trait trait) {
    return traits.contains(trait);
  }

  private static String supported() {
    return ALL.stream().flatMap(it -> it.names.stream()).collect(Collectors.joining(", "));
  }

  private static final class Step {
    private Step() {}

    /** Cuts at the matches of an expression; matches and the text between them are words. */
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

    /** The expression that LLaMA 3 and Qwen2 share, but for their digits. */
    static JsonObject tiktoken(String digits) {
      return split(
          "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
              + digits
              + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");
    }

    /** Cuts off each number character. */
    static JsonObject digits() {
      JsonObject step = new JsonObject();
      step.addProperty("type", "Digits");
      step.addProperty("individual_digits", true);
      return step;
    }

    /** Spells bytes in GPT-2's alphabet, after its own expression has cut words. */
    static JsonObject words() {
      return byteLevel(true);
    }

    /** Spells bytes in GPT-2's alphabet. */
    static JsonObject bytes() {
      return byteLevel(false);
    }

    private static JsonObject byteLevel(boolean cut) {
      JsonObject step = new JsonObject();
      step.addProperty("type", "ByteLevel");
      step.addProperty("add_prefix_space", false);
      step.addProperty("trim_offsets", true);
      step.addProperty("use_regex", cut);
      return step;
    }
  }
}
