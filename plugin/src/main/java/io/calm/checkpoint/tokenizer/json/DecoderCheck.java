package io.calm.checkpoint.tokenizer.json;

import java.util.List;

/** Checks and writes {@code decoder}. */
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

  void write(Node step) {
    String type = StepWriter.type(step);
    switch (type) {
      case "BPEDecoder" -> {
        growth.grows(step, 2);
        writer.object(step, type, () -> writer.text(step, "suffix", Limits.AFFIX_LENGTH));
      }
      case "ByteLevel" -> PreTokenizerCheck.byteLevel(writer, step);
      case "WordPiece" -> {
        growth.grows(step, 2);
        writer.object(
            step,
            type,
            () -> {
              writer.text(step, "prefix", Limits.AFFIX_LENGTH);
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

  private void writeCtc(Node step) {
    growth.grows(step, 2);
    writer.object(
        step,
        "CTC",
        () -> {
          writer.text(step, "pad_token", Limits.NAME_LENGTH);
          writer.text(step, "word_delimiter_token", Limits.NAME_LENGTH);
          writer.flag(step, "cleanup");
        });
  }

  private void writeStrip(Node step) {
    writer.object(
        step,
        "Strip",
        () -> {
          writer.character(step, "content");
          writer.integer(step, "start", 0, Limits.IDS);
          if (step.field("stop").integer(0, Limits.IDS) != 0) {
            throw step.field("stop")
                .wrong("0: the library aborts on a token that is shorter than what is stripped");
          }
          writer.name("stop").append(0);
        });
  }
}
