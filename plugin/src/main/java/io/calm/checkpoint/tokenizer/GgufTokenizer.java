package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.tokenizer.PreTokenizer.Trait;
import io.calm.checkpoint.tokenizer.TokenizerJsonWriter.Pipeline;
import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import io.calm.checkpoint.tokenizer.json.JsonNode;
import io.calm.checkpoint.tokenizer.json.TextShrinkage;
import io.calm.text.Printable;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** Builds tokenizers from GGUF metadata: byte-level BPE and SentencePiece BPE. */
final class GgufTokenizer {
  static final String BYTE_PAIR = "gpt2";
  private static final String SENTENCE_PIECE = "llama";

  private final GgufVocabulary gguf;
  private final Vocabulary vocabulary;
  private final Map<String, Integer> ids;
  private final boolean probe;

  private GgufTokenizer(GgufVocabulary gguf, boolean probe) {
    this.probe = probe;
    this.gguf = gguf;
    this.vocabulary = gguf.vocabulary();
    this.ids = gguf.ids();
  }

  static Tokenizer load(Map<String, Object> metadata, boolean probe) {
    GgufTokenizer tokenizer = open(metadata, probe);
    return tokenizer.isSentencePiece()
        ? tokenizer.build(tokenizer.sentencePiece(), tokenizer.sentencePieceDecoder())
        : tokenizer.build(
            tokenizer.bytePair(),
            new ByteDetokenizer(tokenizer.vocabulary, TokenSpelling.BYTE_LEVEL, false));
  }

  /** Returns the text of an equivalent tokenizer.json, with its decoder. */
  static String json(Map<String, Object> metadata) {
    GgufTokenizer tokenizer = open(metadata, false);
    Pipeline pipeline =
        tokenizer.isSentencePiece()
            ? tokenizer.sentencePiece().withDecoder(sentencePieceDecoder(tokenizer.spacePrefix()))
            : tokenizer.bytePair().withDecoder(byteLevelDecoder());
    return new TokenizerJsonWriter(tokenizer.vocabulary, tokenizer.ids).write(pipeline);
  }

  private static GgufTokenizer open(Map<String, Object> metadata, boolean probe) {
    String supported = "gpt2 (byte-level BPE) or llama (SentencePiece BPE)";
    Object model = metadata.get(GgufVocabulary.PREFIX + "model");
    if (model == null) {
      throw GgufVocabulary.refuse("model", supported, "no such key");
    }
    if (model.equals(BYTE_PAIR) || model.equals(SENTENCE_PIECE)) {
      return new GgufTokenizer(new GgufVocabulary(metadata), probe);
    }
    throw GgufVocabulary.refuse("model", supported, "\"" + Printable.of(model) + "\"");
  }

  private boolean isSentencePiece() {
    return gguf.string("model").equals(Optional.of(SENTENCE_PIECE));
  }

  private boolean spacePrefix() {
    return gguf.flag("add_space_prefix", true);
  }

  private Detokenizer sentencePieceDecoder() {
    return new ByteDetokenizer(vocabulary, TokenSpelling.SENTENCE_PIECE, spacePrefix());
  }

  private static JsonElement byteLevelDecoder() {
    JsonObject decoder = step("ByteLevel");
    decoder.addProperty("add_prefix_space", false);
    decoder.addProperty("trim_offsets", true);
    decoder.addProperty("use_regex", true);
    return decoder;
  }

  private static JsonElement sentencePieceDecoder(boolean spacePrefix) {
    JsonArray steps = new JsonArray();
    steps.add(replace("\u2581", " "));
    steps.add(step("ByteFallback"));
    steps.add(step("Fuse"));
    if (spacePrefix) {
      JsonObject strip = step("Strip");
      strip.addProperty("content", " ");
      strip.addProperty("start", 1);
      strip.addProperty("stop", 0);
      steps.add(strip);
    }
    return sequence("decoders", steps);
  }

  private static JsonObject replace(String from, String to) {
    JsonObject pattern = new JsonObject();
    pattern.addProperty("String", from);
    JsonObject replace = step("Replace");
    replace.add("pattern", pattern);
    replace.addProperty("content", to);
    return replace;
  }

  private Pipeline bytePair() {
    PreTokenizer pre = PreTokenizer.of(gguf.string("pre").orElse("default"));
    JsonObject model = new JsonObject();
    model.addProperty("ignore_merges", pre.has(Trait.WHOLE_WORDS_FIRST));
    JsonArray steps = new JsonArray();
    pre.steps().forEach(steps::add);
    return new Pipeline(
        pre.has(Trait.COMPOSED) ? Optional.of(step("NFC")) : Optional.empty(),
        Optional.of(sequence("pretokenizers", steps)),
        model,
        BytePairMerges.read(gguf, ids),
        affix("add_bos_token", pre.has(Trait.ADDS_BOS), "bos_token_id", OptionalInt.empty()),
        affix("add_eos_token", false, "eos_token_id", OptionalInt.empty()));
  }

  private Pipeline sentencePiece() {
    int unknown = gguf.id("unknown_token_id").orElse(0);
    JsonObject model = new JsonObject();
    model.addProperty("unk_token", vocabulary.token(unknown));
    model.addProperty("fuse_unk", true);
    model.addProperty("byte_fallback", true);
    JsonArray normalizers = new JsonArray();
    if (spacePrefix()) {
      JsonObject prepend = step("Prepend");
      prepend.addProperty("prepend", "\u2581");
      normalizers.add(prepend);
    }
    normalizers.add(replace(" ", "\u2581"));
    return new Pipeline(
        Optional.of(sequence("normalizers", normalizers)),
        Optional.empty(),
        model,
        SentencePieceMerges.derive(gguf, ids),
        affix("add_bos_token", true, "bos_token_id", OptionalInt.of(1)),
        affix("add_eos_token", false, "eos_token_id", OptionalInt.of(2)));
  }

  private Tokenizer build(Pipeline pipeline, Detokenizer detokenizer) {
    String json = new TokenizerJsonWriter(vocabulary, ids).write(pipeline);
    String source = "GGUF metadata, keys " + GgufVocabulary.PREFIX + "*";
    if (probe) {
      TokenizerProbe.shared().require(CheckedTokenizer.of(json, source), source);
    }
    OptionalInt shrinkage =
        TextShrinkage.of(
            pipeline.normalizer().map(step -> node(step, source)),
            pipeline.preTokenizer().map(step -> node(step, source)),
            "BPE",
            node(pipeline.model(), source),
            ids::containsKey);
    return new LibraryTokenizer(
        NativeTokenizer.create(json, source), vocabulary, detokenizer, shrinkage);
  }

  private static JsonNode node(JsonElement json, String source) {
    return JsonNode.parse(source, json.toString());
  }

  /**
   * Returns the token that is added before or after a text; empty if the file asks for none.
   *
   * @param flag key that asks for the token
   * @param defaultFlag value if the file lacks {@code flag}
   * @param key key of the token's id
   * @param defaultId id if the file lacks {@code key}
   */
  private OptionalInt affix(String flag, boolean defaultFlag, String key, OptionalInt defaultId) {
    if (!gguf.flag(flag, defaultFlag)) {
      return OptionalInt.empty();
    }
    OptionalInt id = gguf.id(key);
    if (id.isPresent()) {
      return id;
    }
    if (defaultId.isPresent() && defaultId.getAsInt() < vocabulary.size()) {
      return defaultId;
    }
    throw GgufVocabulary.refuse(
        key, "a token id, since " + GgufVocabulary.PREFIX + flag + " asks for one", "no such key");
  }

  private static JsonElement sequence(String name, JsonArray steps) {
    JsonObject sequence = step("Sequence");
    sequence.add(name, steps);
    return sequence;
  }

  private static JsonObject step(String type) {
    JsonObject step = new JsonObject();
    step.addProperty("type", type);
    return step;
  }
}
