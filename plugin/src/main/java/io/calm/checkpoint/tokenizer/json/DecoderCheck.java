package io.calm.checkpoint.tokenizer.json;

import java.util.List;

/** Validates and writes {@code decoder}. */
final class DecoderCheck {
  private static final List<String> TYPES =
      List.of(
          "BPEDecoder",
          "ByteLevel",
          "WordPiece",
          "Metaspace",
          "CTC",
          "Sequence",
          "Replace",
          "Fuse",
          "Strip",
          "ByteFallback");

  private final StepWriter writer;
  private final Normalization growth = new Normalization();

  DecoderCheck(StepWriter writer) {
    this.writer = writer;
  }

  void write(JsonNode step) {
    String type = StepWriter.type(step);
    switch (type) {
      case "BPEDecoder" -> {
        growth.grows(step, 2);
        writer.object(step, type, () -> writer.text(step, "suffix", TokenizerLimits.AFFIX_LENGTH));
      }
      case "ByteLevel" -> PreTokenizerCheck.byteLevel(writer, step);
      case "WordPiece" -> {
        growth.grows(step, 2);
        writer.object(
            step,
            type,
            () -> {
              writer.text(step, "prefix", TokenizerLimits.AFFIX_LENGTH);
              writer.flag(step, "cleanup");
            });
      }
      case "Metaspace" -> PreTokenizerCheck.metaspace(writer, step);
      case "CTC" -> writeCtc(step);
      case "Sequence" -> writer.sequence(step, "decoders", this::write);
      case "Replace" ->
          writer.object(step, type, () -> growth.grows(step, writer.replacement(step)));
      case "Fuse", "ByteFallback" -> writer.object(step, type, () -> {});
      case "Strip" -> writeStrip(step);
      default -> throw StepWriter.unknown(step, TYPES);
    }
  }

  private void writeCtc(JsonNode step) {
    growth.grows(step, 2);
    writer.object(
        step,
        "CTC",
        () -> {
          writer.text(step, "pad_token", TokenizerLimits.NAME_LENGTH);
          writer.text(step, "word_delimiter_token", TokenizerLimits.NAME_LENGTH);
          writer.flag(step, "cleanup");
        });
  }

  private void writeStrip(JsonNode step) {
    writer.object(
        step,
        "Strip",
        () -> {
          writer.character(step, "content");
          writer.integer(step, "start", 0, TokenizerLimits.IDS);
          if (step.field("stop").integer(0, TokenizerLimits.IDS) != 0) {
            throw step.field("stop")
                .wrong("0, because the library aborts if it strips more than the whole token");
          }
          writer.name("stop").append(0);
        });
  }
}
