package io.calm.checkpoint.tokenizer.json;

import java.util.List;

/** Validates and writes {@code pre_tokenizer}. */
final class PreTokenizerCheck {
  private static final List<String> TYPES =
      List.of(
          "BertPreTokenizer",
          "ByteLevel",
          "CharDelimiterSplit",
          "Metaspace",
          "Whitespace",
          "Sequence",
          "Split",
          "Punctuation",
          "WhitespaceSplit",
          "Digits",
          "UnicodeScripts",
          "FixedLength");
  private static final List<String> SCHEMES = List.of("first", "never", "always");

  private final StepWriter writer;
  private final Normalization effect;

  PreTokenizerCheck(StepWriter writer, Normalization effect) {
    this.writer = writer;
    this.effect = effect;
  }

  void write(JsonNode step) {
    String type = StepWriter.type(step);
    switch (type) {
      case "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts" ->
          writer.object(step, type, () -> {});
      case "ByteLevel" -> {
        effect.grows(step, 2);
        byteLevel(writer, step);
      }
      case "CharDelimiterSplit" ->
          writer.object(step, type, () -> writer.character(step, "delimiter"));
      case "Metaspace" -> metaspace(writer, step);
      case "Sequence" -> writer.sequence(step, "pretokenizers", this::write);
      case "Split" -> writeSplit(step);
      case "Punctuation" -> writer.object(step, type, () -> writer.behavior(step));
      case "Digits" -> writer.object(step, type, () -> writer.flag(step, "individual_digits"));
      case "FixedLength" ->
          writer.object(
              step,
              type,
              () -> {
                int length =
                    step.optional("length").map(it -> it.integer(1, TokenizerLimits.IDS)).orElse(5);
                writer.name("length").append(length);
              });
      default -> throw StepWriter.unknown(step, TYPES);
    }
  }

  /** Writes a ByteLevel, which may be a pre-tokenizer, a post-processor or a decoder. */
  static void byteLevel(StepWriter writer, JsonNode step) {
    writer.object(
        step,
        "ByteLevel",
        () -> {
          writer.flag(step, "add_prefix_space");
          writer.flag(step, "trim_offsets");
          writer.optionalFlag(step, "use_regex");
        });
  }

  /** Writes a Metaspace, which may be a pre-tokenizer or a decoder. */
  static void metaspace(StepWriter writer, JsonNode step) {
    writer.object(
        step,
        "Metaspace",
        () -> {
          writer.character(step, "replacement");
          writer.optionalFlag(step, "add_prefix_space");
          step.optional("prepend_scheme")
              .ifPresent(it -> JsonText.quote(writer.name("prepend_scheme"), it.word(SCHEMES)));
          writer.optionalFlag(step, "split");
        });
  }

  private void writeSplit(JsonNode step) {
    writer.object(
        step,
        "Split",
        () -> {
          writer.pattern(step);
          step.field("behavior");
          writer.behavior(step);
          writer.flag(step, "invert");
        });
  }
}
