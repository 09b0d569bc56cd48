package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.tokenizer.PreTokenizer.Trait;
import io.calm.checkpoint.tokenizer.TokenizerJsonWriter.Pipeline;
import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import io.calm.checkpoint.tokenizer.json.Node;
import io.calm.checkpoint.tokenizer.json.TextShrinkage;
import io.calm.text.Printable;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** Builds the two kinds of tokenizer that GGUF files of supported models have. */
final class GgufTokenizer {
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
    String supported = "gpt2 (byte-level BPE) or llama (SentencePiece BPE)";
    Object model = metadata.get(GgufVocabulary.PREFIX + "model");
    if (model == null) {
      throw GgufVocabulary.refuse("model", supported, "no such key");
    }
    if (model.equals("gpt2")) {
      return new GgufTokenizer(new GgufVocabulary(metadata), probe).bytePair();
    }
    if (model.equals("llama")) {
      return new GgufTokenizer(new GgufVocabulary(metadata), probe).sentencePiece();
    }
    throw GgufVocabulary.refuse("model", supported, "\"" + Printable.of(model) + "\"");
  }

  private Tokenizer bytePair() {
    PreTokenizer pre = PreTokenizer.of(gguf.string("pre").orElse("default"));
    JsonObject model = new JsonObject();
    model.addProperty("ignore_merges", pre.has(Trait.WHOLE_WORDS_FIRST));
    JsonArray steps = new JsonArray();
    pre.steps().forEach(steps::add);
    Pipeline pipeline =
        new Pipeline(
            pre.has(Trait.COMPOSED) ? Optional.of(step("NFC")) : Optional.empty(),
            Optional.of(sequence("pretokenizers", steps)),
            model,
            BytePairMerges.read(gguf, ids),
            affix("add_bos_token", pre.has(Trait.ADDS_BOS), "bos_token_id", OptionalInt.empty()),
            affix("add_eos_token", false, "eos_token_id", OptionalInt.empty()));
    return build(pipeline, new SpelledDetokenizer(vocabulary, Spelling.BYTE_LEVEL, false));
  }

  private Tokenizer sentencePiece() {
    boolean spacePrefix = gguf.flag("add_space_prefix", true);
    int unknown = gguf.id("unknown_token_id").orElse(0);
    JsonObject model = new JsonObject();
    model.addProperty("unk_token", vocabulary.token(unknown));
    model.addProperty("fuse_unk", true);
    model.addProperty("byte_fallback", true);
    JsonArray normalizers = new JsonArray();
    if (spacePrefix) {
      JsonObject prepend = step("Prepend");
      prepend.addProperty("prepend", "\u2581");
      normalizers.add(prepend);
    }
    JsonObject pattern = new JsonObject();
    pattern.addProperty("String", " ");
    JsonObject replace = step("Replace");
    replace.add("pattern", pattern);
    replace.addProperty("content", "\u2581");
    normalizers.add(replace);
    Pipeline pipeline =
        new Pipeline(
            Optional.of(sequence("normalizers", normalizers)),
            Optional.empty(),
            model,
            SentencePieceMerges.derive(gguf, ids),
            affix("add_bos_token", true, "bos_token_id", OptionalInt.of(1)),
            affix("add_eos_token", false, "eos_token_id", OptionalInt.of(2)));
    return build(
        pipeline, new SpelledDetokenizer(vocabulary, Spelling.SENTENCE_PIECE, spacePrefix));
  }

  private Tokenizer build(Pipeline pipeline, Detokenizer detokenizer) {
    String json = new TokenizerJsonWriter(vocabulary, ids).write(pipeline);
    String source = "GGUF metadata, keys " + GgufVocabulary.PREFIX + "*";
    if (probe) {
      TokenizerProbe.shared().require(CheckedTokenizer.of(json, source), source);
    }
    NativeTokenizer library = NativeTokenizer.create(json, source);
    OptionalInt shrinkage =
        TextShrinkage.of(
            pipeline.normalizer().map(step -> node(step, source)),
            pipeline.preTokenizer().map(step -> node(step, source)),
            "BPE",
            node(pipeline.model(), source),
            ids::containsKey);
    return new LibraryTokenizer(library, vocabulary, detokenizer, shrinkage);
  }

  private static Node node(JsonElement json, String source) {
    return Node.parse(source, json.toString());
  }

  /** Returns the token that is put before or after a text, where the file wants one. */
  private OptionalInt affix(String flag, boolean otherwise, String key, OptionalInt usual) {
    if (!gguf.flag(flag, otherwise)) {
      return OptionalInt.empty();
    }
    OptionalInt id = gguf.id(key);
    if (id.isPresent()) {
      return id;
    }
    if (usual.isPresent() && usual.getAsInt() < vocabulary.size()) {
      return usual;
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
