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
 * A {@code tokenizer.json} that was checked.
 *
 * @param json the file for the native library: known fields only, without truncation and padding
 * @param tokens spelling of each id, added tokens included
 * @param added ids of added tokens
 * @param special ids of special tokens
 * @param decoder the decoder, checked; empty where the file has none
 * @param expressions the regular expressions in it
 * @param shrinkage maximum number of characters of a text that become one character of a token;
 *     empty if there is no such bound
 */
public record CheckedTokenizer(
    String json,
    Map<Integer, String> tokens,
    BitSet added,
    BitSet special,
    Optional<Node> decoder,
    List<String> expressions,
    OptionalInt shrinkage) {

  /**
   * Checks the text of a {@code tokenizer.json}.
   *
   * @param source the file, for messages
   * @throws io.calm.checkpoint.CheckpointException if it is not valid JSON, does not match the
   *     library's schema, or would end the process; the message names the place
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
        throw json.fault("a JSON object, the tokenizer,");
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
              part("added_tokens").orElse(new Node(source + ": added_tokens", List.of())));
      added.write(out.append(",\"added_tokens\":"), normalization);
      out.append(",\"model\":").append(modelText).append('}');
      return result(added, steps.expressions());
    }

    /** Returns a part of the file; empty where it is absent or null. */
    private Optional<Node> part(String name) {
      Object value = parts.getOrDefault(name, StrictJson.NULL);
      return value == StrictJson.NULL
          ? Optional.empty()
          : Optional.of(new Node(source + ": " + name, value));
    }

    private void step(String name, Consumer<Node> writer) {
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

    /** A token with {@code lstrip} or {@code rstrip} takes any amount of white space. */
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
