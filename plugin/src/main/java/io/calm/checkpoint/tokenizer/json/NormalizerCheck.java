package io.calm.checkpoint.tokenizer.json;

import java.util.BitSet;
import java.util.List;

/** Validates and writes {@code normalizer}. */
final class NormalizerCheck {
  private static final List<String> TYPES =
      List.of(
          "BertNormalizer",
          "Strip",
          "StripAccents",
          "NFC",
          "NFD",
          "NFKC",
          "NFKD",
          "Sequence",
          "Lowercase",
          "Nmt",
          "Precompiled",
          "Replace",
          "Prepend",
          "ByteLevel");

  private final StepWriter writer;
  private final Normalization effect;

  NormalizerCheck(StepWriter writer, Normalization effect) {
    this.writer = writer;
    this.effect = effect;
  }

  void write(JsonNode step) {
    String type = StepWriter.type(step);
    switch (type) {
      case "NFC", "NFD", "NFKC", "NFKD", "Lowercase" -> {
        effect.changes();
        plain(step, type);
      }
      case "StripAccents", "Nmt" -> {
        effect.erases();
        plain(step, type);
      }
      case "ByteLevel" -> {
        effect.grows(step, 2);
        effect.changes();
        plain(step, type);
      }
      case "BertNormalizer", "Bert" -> writeBert(step);
      case "Strip" -> {
        effect.erases();
        writer.object(
            step,
            type,
            () -> {
              writer.flag(step, "strip_left");
              writer.flag(step, "strip_right");
            });
      }
      case "Sequence" -> writer.sequence(step, "normalizers", this::write);
      case "Precompiled" -> writePrecompiled(step);
      case "Replace" -> writeReplace(step);
      case "Prepend" -> writePrepend(step);
      default -> throw StepWriter.unknown(step, TYPES);
    }
  }

  private void plain(JsonNode step, String type) {
    writer.object(step, type, () -> {});
  }

  private void writeBert(JsonNode step) {
    effect.erases();
    effect.grows(step, 3);
    writer.object(
        step,
        "BertNormalizer",
        () -> {
          writer.flag(step, "clean_text");
          writer.flag(step, "handle_chinese_chars");
          writer.optionalFlag(step, "strip_accents");
          writer.flag(step, "lowercase");
        });
  }

  private void writePrecompiled(JsonNode step) {
    JsonNode map = step.field("precompiled_charsmap");
    CharsMap checked = CharsMap.check(map);
    effect.grows(step, checked.growth());
    if (checked.keepsAscii()) {
      effect.erases();
    } else {
      effect.rewritesAny(true);
    }
    writer.object(
        step,
        "Precompiled",
        () -> JsonText.quote(writer.name("precompiled_charsmap"), map.text(Integer.MAX_VALUE)));
  }

  private void writeReplace(JsonNode step) {
    writer.object(step, "Replace", () -> effect.grows(step, writer.replacement(step)));
    String content = step.field("content").text(TokenizerLimits.AFFIX_LENGTH);
    step.field("pattern")
        .optional("String")
        .ifPresentOrElse(
            from -> effect.replaces(from.text(TokenizerLimits.NAME_LENGTH), content),
            () -> effect.rewrites(characters(step.field("pattern")), content.isEmpty()));
  }

  private static BitSet characters(JsonNode pattern) {
    JsonNode regex = pattern.field("Regex");
    return RegexCheck.check(regex.text(TokenizerLimits.REGEX_LENGTH), regex.path()).characters();
  }

  private void writePrepend(JsonNode step) {
    effect.changes();
    writer.object(
        step,
        "Prepend",
        () -> {
          if (writer.text(step, "prepend", TokenizerLimits.AFFIX_LENGTH).isEmpty()) {
            throw step.field("prepend")
                .wrong("a non-empty string, because the library aborts on an empty one");
          }
        });
  }
}
