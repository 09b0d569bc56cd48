package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.checkpoint.CheckpointException;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** The part of a GGUF tokenizer that depends on the kind of its model. */
sealed interface GgufModelKeys {

  /** Returns the value of {@code tokenizer.ggml.model}. */
  String name();

  /** Returns the name of the pre-tokenizer; empty for a model without one. */
  Optional<String> pre();

  /** Returns whether a token stands for a byte. */
  boolean isByte(String token);

  /** Returns whether a token stands for text without a token. */
  boolean isUnknown(String token);

  /** Adds merges, or scores and flags. */
  void addTo(Map<String, Object> keys, List<String> tokens, List<Long> types);

  /**
   * Returns the keys of a tokenizer.
   *
   * @param json a checked tokenizer.json
   * @param source the file, for error messages
   * @throws CheckpointException if GGUF has no equivalent
   */
  static GgufModelKeys of(JsonObject json, String source) {
    JsonObject model = json.getAsJsonObject("model");
    String type = model.get("type").getAsString();
    if (!type.equals("BPE")) {
      throw refused(source + ": model.type", "BPE", type);
    }
    for (String affix : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
      if (model.has(affix) && !model.get(affix).getAsString().isEmpty()) {
        throw refused(source + ": model." + affix, "none", model.get(affix));
      }
    }
    List<Merge> merges = merges(model.getAsJsonArray("merges"));
    return flag(model, "byte_fallback")
        ? SentencePiece.of(json, merges, source)
        : new BytePair(PreTokenizer.of(json, source).names().get(0), merges);
  }

  /** Byte-level BPE. */
  record BytePair(String preTokenizer, List<Merge> merges) implements GgufModelKeys {
    @Override
    public String name() {
      return "gpt2";
    }

    @Override
    public Optional<String> pre() {
      return Optional.of(preTokenizer);
    }

    @Override
    public boolean isByte(String token) {
      return false;
    }

    @Override
    public boolean isUnknown(String token) {
      return false;
    }

    @Override
    public void addTo(Map<String, Object> keys, List<String> tokens, List<Long> types) {
      keys.put(
          GgufVocabulary.PREFIX + "merges",
          merges.stream().map(merge -> merge.left() + " " + merge.right()).toList());
    }
  }

  /**
   * SentencePiece BPE with byte tokens. Its file has scores instead of merges; a piece's score
   * falls with the rank of the first merge that makes it.
   */
  record SentencePiece(String unknown, boolean spacePrefix, List<Merge> merges, String source)
      implements GgufModelKeys {
    private static final Pattern BYTE_TOKEN = Pattern.compile("<0x[0-9A-F]{2}>");

    static SentencePiece of(JsonObject json, List<Merge> merges, String source) {
      String unknown = GgufTokenizerMetadata.text(json.getAsJsonObject("model").get("unk_token"));
      return new SentencePiece(unknown, hasSpacePrefix(json, source), merges, source);
    }

    private static boolean hasSpacePrefix(JsonObject json, String source) {
      List<String> steps = new ArrayList<>();
      for (JsonObject step : PreTokenizer.flat(json.get("normalizer"), "normalizers")) {
        steps.add(step.get("type").getAsString());
      }
      for (JsonObject step : PreTokenizer.flat(json.get("pre_tokenizer"), "pretokenizers")) {
        String type = step.get("type").getAsString();
        String scheme = GgufTokenizerMetadata.text(step.get("prepend_scheme"));
        steps.add(type + (type.equals("Metaspace") ? " " + scheme : ""));
      }
      if (steps.equals(List.of("Prepend", "Replace")) || steps.equals(List.of("Metaspace first"))) {
        return true;
      }
      if (steps.equals(List.of("Replace")) || steps.equals(List.of("Metaspace never"))) {
        return false;
      }
      throw refused(
          source + ": normalizer and pre_tokenizer", "those of a LLaMA or Mistral model", steps);
    }

    @Override
    public String name() {
      return "llama";
    }

    @Override
    public Optional<String> pre() {
      return Optional.of("default");
    }

    @Override
    public boolean isByte(String token) {
      return BYTE_TOKEN.matcher(token).matches();
    }

    @Override
    public boolean isUnknown(String token) {
      return token.equals(unknown);
    }

    @Override
    public void addTo(Map<String, Object> keys, List<String> tokens, List<Long> types) {
      Map<String, Double> ranks = new HashMap<>();
      for (Merge merge : merges) {
        ranks.putIfAbsent(merge.left().concat(merge.right()), (double) -ranks.size());
      }
      double last = -ranks.size();
      keys.put(
          GgufVocabulary.PREFIX + "scores",
          IntStream.range(0, tokens.size())
              .mapToObj(
                  id ->
                      types.get(id) == GgufTokenizerMetadata.NORMAL
                          ? ranks.getOrDefault(tokens.get(id), last)
                          : 0.0)
              .toList());
      keys.put(GgufVocabulary.PREFIX + "add_space_prefix", spacePrefix);
      GgufVocabulary vocabulary = new GgufVocabulary(keys);
      if (!SentencePieceMerges.derive(vocabulary, vocabulary.ids()).equals(merges)) {
        throw refused(
            source + ": model.merges",
            "the merges of a SentencePiece model: every split of a piece, in the order of pieces",
            merges.size() + " others");
      }
    }
  }

  private static boolean flag(JsonObject model, String name) {
    return model.has(name) && model.get(name).getAsBoolean();
  }

  private static List<Merge> merges(JsonArray list) {
    List<Merge> merges = new ArrayList<>(list.size());
    for (JsonElement merge : list) {
      if (merge instanceof JsonArray pair) {
        merges.add(new Merge(pair.get(0).getAsString(), pair.get(1).getAsString()));
      } else {
        String[] pair = merge.getAsString().split(" ", 2);
        merges.add(new Merge(pair[0], pair[1]));
      }
    }
    return merges;
  }

  private static CheckpointException refused(String where, String expected, Object got) {
    return CheckpointException.refused(
        where,
        expected,
        Printable.of(got),
        "GGUF has no equivalent: export with --format safetensors");
  }
}
