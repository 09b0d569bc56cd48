package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.stream.JsonWriter;
import io.calm.checkpoint.tokenizer.json.JsonText;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** Writes a {@code tokenizer.json} that is equivalent to a GGUF vocabulary. */
final class TokenizerJsonWriter {

  private final Vocabulary vocabulary;
  private final Map<String, Integer> ids;
  private final StringWriter text;
  private final JsonWriter json;

  TokenizerJsonWriter(Vocabulary vocabulary, Map<String, Integer> ids) {
    this.vocabulary = vocabulary;
    this.ids = ids;
    this.text = new StringWriter(128 * vocabulary.size());
    this.json = new JsonWriter(text);
  }

  /**
   * The parts of a tokenizer other than its vocabulary.
   *
   * @param normalizer the normalizer of texts
   * @param preTokenizer the splitter of texts into words; if empty, the whole text is one word
   * @param model the BPE model's settings, without vocabulary and merges
   * @param merges the merges, in order of priority
   * @param bos token before the text if special tokens are requested
   * @param eos token after the text if special tokens are requested
   * @param decoder the decoder; empty where decoding is done in Java
   */
  record Pipeline(
      Optional<JsonElement> normalizer,
      Optional<JsonElement> preTokenizer,
      JsonObject model,
      List<Merge> merges,
      OptionalInt bos,
      OptionalInt eos,
      Optional<JsonElement> decoder) {

    /** Creates a pipeline without a decoder. */
    Pipeline(
        Optional<JsonElement> normalizer,
        Optional<JsonElement> preTokenizer,
        JsonObject model,
        List<Merge> merges,
        OptionalInt bos,
        OptionalInt eos) {
      this(normalizer, preTokenizer, model, merges, bos, eos, Optional.empty());
    }

    Pipeline withDecoder(JsonElement step) {
      return new Pipeline(normalizer, preTokenizer, model, merges, bos, eos, Optional.of(step));
    }
  }

  String write(Pipeline pipeline) {
    try {
      json.beginObject();
      json.name("version").value("1.0");
      writeAddedTokens();
      writeStep("normalizer", pipeline.normalizer());
      writeStep("pre_tokenizer", pipeline.preTokenizer());
      if (pipeline.bos().isPresent() || pipeline.eos().isPresent()) {
        writeTemplate(pipeline.bos(), pipeline.eos());
      }
      writeStep("decoder", pipeline.decoder());
      writeModel(pipeline.model(), pipeline.merges());
      json.endObject();
      json.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  private void writeAddedTokens() throws IOException {
    json.name("added_tokens").beginArray();
    for (int id = vocabulary.added().nextSetBit(0);
        id >= 0;
        id = vocabulary.added().nextSetBit(id + 1)) {
      String token = vocabulary.token(id);
      if (!isReachable(id, token)) {
        continue;
      }
      json.beginObject();
      json.name("id").value(id);
      json.name("content").value(token);
      json.name("single_word").value(false);
      json.name("lstrip").value(false);
      json.name("rstrip").value(false);
      json.name("normalized").value(false);
      json.name("special").value(vocabulary.isSpecial(id));
      json.endObject();
    }
    json.endArray();
  }

  private void writeStep(String name, Optional<JsonElement> step) throws IOException {
    if (step.isPresent()) {
      json.name(name);
      json.jsonValue(step.get().toString());
    }
  }

  private void writeTemplate(OptionalInt bos, OptionalInt eos) throws IOException {
    json.name("post_processor").beginObject();
    json.name("type").value("TemplateProcessing");
    for (String name : List.of("single", "pair")) {
      json.name(name).beginArray();
      writeTemplateToken(bos);
      writeTemplateStep("Sequence", "A");
      if (name.equals("pair")) {
        writeTemplateStep("Sequence", "B");
      }
      writeTemplateToken(eos);
      json.endArray();
    }
    json.name("special_tokens").beginObject();
    writeSpecial(bos);
    if (!eos.equals(bos)) {
      writeSpecial(eos);
    }
    json.endObject();
    json.endObject();
  }

  private void writeTemplateToken(OptionalInt id) throws IOException {
    if (id.isPresent()) {
      writeTemplateStep("SpecialToken", vocabulary.token(id.getAsInt()));
    }
  }

  private void writeTemplateStep(String kind, String id) throws IOException {
    json.beginObject().name(kind).beginObject();
    json.name("id").value(id);
    json.name("type_id").value(0);
    json.endObject().endObject();
  }

  private void writeSpecial(OptionalInt id) throws IOException {
    if (id.isPresent()) {
      String token = vocabulary.token(id.getAsInt());
      json.name(token).beginObject();
      json.name("id").value(token);
      json.name("ids").beginArray().value(id.getAsInt()).endArray();
      json.name("tokens").beginArray().value(token).endArray();
      json.endObject();
    }
  }

  private void writeModel(JsonObject model, List<Merge> merges) throws IOException {
    json.name("model").beginObject();
    json.name("type").value("BPE");
    for (Map.Entry<String, JsonElement> setting : model.entrySet()) {
      json.name(setting.getKey());
      json.jsonValue(setting.getValue().toString());
    }
    json.name("vocab").jsonValue(vocabularyText());
    json.name("merges").jsonValue(mergesText(merges));
    json.endObject();
  }

  private String vocabularyText() {
    StringBuilder out = new StringBuilder(32 * vocabulary.size()).append('{');
    for (int id = 0; id < vocabulary.size(); id++) {
      String token = vocabulary.token(id);
      if (isReachable(id, token)) {
        JsonText.quote(out.append(out.length() == 1 ? "" : ","), token).append(':').append(id);
      }
    }
    return out.append('}').toString();
  }

  private static String mergesText(List<Merge> merges) {
    StringBuilder out = new StringBuilder(32 * merges.size()).append('[');
    for (Merge merge : merges) {
      out.append(out.length() == 1 ? "[" : ",[");
      JsonText.quote(out, merge.left()).append(',');
      JsonText.quote(out, merge.right()).append(']');
    }
    return out.append(']').toString();
  }

  /** Returns whether the token's spelling encodes to this id. */
  private boolean isReachable(int id, String token) {
    Integer reached = ids.get(token);
    return reached != null && reached == id;
  }
}
