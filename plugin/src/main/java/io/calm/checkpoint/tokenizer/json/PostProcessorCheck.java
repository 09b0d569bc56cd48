package io.calm.checkpoint.tokenizer.json;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Validates and writes {@code post_processor}. */
final class PostProcessorCheck {
  private static final List<String> TYPES =
      List.of("RobertaProcessing", "BertProcessing", "ByteLevel", "TemplateProcessing", "Sequence");

  private final StepWriter writer;
  private boolean template;

  PostProcessorCheck(StepWriter writer) {
    this.writer = writer;
  }

  void write(JsonNode step) {
    String type = StepWriter.type(step);
    switch (type) {
      case "RobertaProcessing" ->
          writer.object(
              step,
              type,
              () -> {
                writePair(step, "sep");
                writePair(step, "cls");
                writer.flag(step, "trim_offsets");
                writer.flag(step, "add_prefix_space");
              });
      case "BertProcessing" ->
          writer.object(
              step,
              type,
              () -> {
                writePair(step, "sep");
                writePair(step, "cls");
              });
      case "ByteLevel" -> PreTokenizerCheck.byteLevel(writer, step);
      case "TemplateProcessing" -> {
        if (template) {
          throw step.wrong(
              "at most one TemplateProcessing, because the library aborts on a second");
        }
        template = true;
        writer.object(step, type, () -> writeTemplates(step));
      }
      case "Sequence" -> writer.sequence(step, "processors", this::write);
      default -> throw StepWriter.unknown(step, TYPES);
    }
  }

  private void writePair(JsonNode step, String name) {
    List<JsonNode> pair = step.field(name).elements(2);
    if (pair.size() != 2) {
      throw step.field(name).wrong("a token and its id");
    }
    JsonText.quote(writer.name(name).append('['), pair.get(0).text(TokenizerLimits.NAME_LENGTH))
        .append(',')
        .append(pair.get(1).id())
        .append(']');
  }

  private void writeTemplates(JsonNode step) {
    Set<String> known = new HashSet<>();
    JsonNode tokens = step.field("special_tokens");
    for (Map.Entry<String, JsonNode> token : tokens.fields()) {
      known.add(token.getKey());
    }
    writeTemplate(step, "single", known, List.of("A"));
    writeTemplate(step, "pair", known, List.of("A", "B"));
    writer.name("special_tokens").append('{');
    String comma = "";
    for (Map.Entry<String, JsonNode> token : tokens.fields()) {
      writer.out().append(comma);
      writeSpecial(token.getKey(), token.getValue());
      comma = ",";
    }
    writer.out().append('}');
  }

  private void writeTemplate(
      JsonNode step, String name, Set<String> known, List<String> sequences) {
    Set<String> used = new HashSet<>();
    writer.name(name).append('[');
    String comma = "";
    for (JsonNode piece : step.field(name).elements(TokenizerLimits.TEMPLATE_LENGTH)) {
      writer.out().append(comma);
      comma = ",";
      if (piece.optional("Sequence").isPresent()) {
        JsonNode sequence = piece.field("Sequence");
        String id = sequence.field("id").word(sequences);
        if (!used.add(id)) {
          throw sequence.wrong("each sequence once");
        }
        writePiece("Sequence", id, sequence);
      } else {
        JsonNode token = piece.field("SpecialToken");
        String id = token.field("id").text(TokenizerLimits.NAME_LENGTH);
        if (!known.contains(id)) {
          throw token.field("id").wrong("a token listed in special_tokens");
        }
        writePiece("SpecialToken", id, token);
      }
    }
    if (!used.contains("A")) {
      throw step.field(name).wrong("a template with the text, Sequence A");
    }
    writer.out().append(']');
  }

  private void writePiece(String kind, String id, JsonNode piece) {
    StringBuilder out = writer.out().append("{\"").append(kind).append("\":{\"id\":");
    JsonText.quote(out, id)
        .append(",\"type_id\":")
        .append(piece.field("type_id").integer(0, TokenizerLimits.IDS))
        .append("}}");
  }

  private void writeSpecial(String name, JsonNode token) {
    List<JsonNode> ids = token.field("ids").elements(TokenizerLimits.TEMPLATE_LENGTH);
    List<JsonNode> spellings = token.field("tokens").elements(TokenizerLimits.TEMPLATE_LENGTH);
    if (ids.size() != spellings.size()) {
      throw token.field("tokens").wrong("a list of " + ids.size() + ", one for each id");
    }
    StringBuilder out = JsonText.quote(writer.out(), name).append(":{\"id\":");
    JsonText.quote(out, token.field("id").text(TokenizerLimits.NAME_LENGTH)).append(",\"ids\":[");
    String comma = "";
    for (JsonNode id : ids) {
      out.append(comma).append(id.id());
      comma = ",";
    }
    out.append("],\"tokens\":[");
    comma = "";
    for (JsonNode spelling : spellings) {
      JsonText.quote(out.append(comma), spelling.text(TokenizerLimits.NAME_LENGTH));
      comma = ",";
    }
    out.append("]}");
  }
}
