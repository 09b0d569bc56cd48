package io.calm.checkpoint.tokenizer.json;

import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A validated {@code tokenizer.json}.
 *
 * @param json the text for the native library: only known fields, without truncation and padding
 * @param tokens spelling of each id, including added tokens
 * @param added ids of added tokens
 * @param special ids of special tokens
 * @param decoder the validated decoder; empty if the file has none
 * @param expressions all regular expressions in the file
 * @param shrinkage see {@link io.calm.checkpoint.Tokenizer#shrinkage}
 */
public record CheckedTokenizer(
    String json,
    Map<Integer, String> tokens,
    BitSet added,
    BitSet special,
    Optional<JsonNode> decoder,
    List<String> expressions,
    OptionalInt shrinkage) {

  /**
   * Validates the text of a {@code tokenizer.json}.
   *
   * @param source the file, for error messages
   * @throws io.calm.checkpoint.CheckpointException if it is not valid JSON, does not match the
   *     library's schema, or could abort the process; the message names the location
   */
  public static CheckedTokenizer of(String text, String source) {
    return new Reading(text, source).read();
  }

  private static final class Reading {
    private final StrictJson json;
    private final String source;
    private final StringBuilder out;
    private final StringBuilder modelText;
    private final ModelCheck model;
    private final Map<String, Object> parts = new LinkedHashMap<>();

    Reading(String text, String source) {
      this.source = source;
      this.json = new StrictJson(text, source);
      this.out = new StringBuilder(1 << 12);
      this.modelText = new StringBuilder(text.length());
      this.model = new ModelCheck(json, source, modelText);
    }

    CheckedTokenizer read() {
      if (json.peek() != '{') {
        throw json.fault("a JSON object with the tokenizer");
      }
      json.take('{');
      while (json.next('}', parts.isEmpty())) {
        String name = json.name();
        if (parts.containsKey(name)) {
          throw json.duplicate(name);
        }
        if (name.equals("model")) {
          model.write();
          parts.put(name, true);
        } else {
          parts.put(name, json.value(1));
        }
      }
      json.end();
      return write();
    }

    private CheckedTokenizer write() {
      if (!parts.containsKey("model")) {
        throw JsonFault.at(source, "a tokenizer with a model", "none");
      }
      part("version")
          .filter(version -> !"1.0".equals(version.value()))
          .ifPresent(
              version -> {
                throw version.wrong("\"1.0\"");
              });
      Normalization normalization = new Normalization();
      out.append("{\"version\":\"1.0\",\"truncation\":null,\"padding\":null");
      StepWriter steps = new StepWriter(out);
      step("normalizer", new NormalizerCheck(steps, normalization)::write);
      step("pre_tokenizer", new PreTokenizerCheck(steps, normalization)::write);
      step("post_processor", new PostProcessorCheck(steps)::write);
      step("decoder", new DecoderCheck(steps)::write);
      AddedTokensCheck added =
          new AddedTokensCheck(
              part("added_tokens").orElse(new JsonNode(source + ": added_tokens", List.of())));
      added.write(out.append(",\"added_tokens\":"), normalization);
      out.append(",\"model\":").append(modelText).append('}');
      return result(added, steps.expressions());
    }

    /** Returns a part of the file; empty if it is absent or null. */
    private Optional<JsonNode> part(String name) {
      Object value = parts.getOrDefault(name, StrictJson.NULL);
      return value == StrictJson.NULL
          ? Optional.empty()
          : Optional.of(new JsonNode(source + ": " + name, value));
    }

    private void step(String name, Consumer<JsonNode> writer) {
      part(name)
          .ifPresent(
              node -> {
                out.append(",\"").append(name).append("\":");
                writer.accept(node);
              });
    }

    private CheckedTokenizer result(AddedTokensCheck check, List<String> expressions) {
      Map<Integer, String> tokens = new HashMap<>(model.tokens());
      BitSet added = new BitSet();
      BitSet special = new BitSet();
      Set<String> specials = check.special();
      check
          .assign(model.ids(), model.size())
          .forEach(
              (id, token) -> {
                tokens.put(id, token.content());
                added.set(id);
                special.set(id, specials.contains(token.content()));
              });
      return new CheckedTokenizer(
          out.toString(),
          tokens,
          added,
          special,
          part("decoder"),
          List.copyOf(expressions),
          shrinkage(check));
    }

    /** Returns the bound; none if a token strips any amount of white space. */
    private OptionalInt shrinkage(AddedTokensCheck added) {
      return added.strips()
          ? OptionalInt.empty()
          : TextShrinkage.of(
              part("normalizer"),
              part("pre_tokenizer"),
              model.type(),
              model.settings(),
              model.ids()::containsKey);
    }
  }
}
