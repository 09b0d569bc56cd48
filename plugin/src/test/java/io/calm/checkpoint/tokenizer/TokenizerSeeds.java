package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** Small tokenizers of every kind, and components of every type to put into them. */
final class TokenizerSeeds {
  private static final String ADDED =
      """
      {"id": %d, "content": "%s", "single_word": false, "lstrip": %s, "rstrip": %s,
       "normalized": %s, "special": %s}""";

  /** The places of components, and the name of the list that a sequence has there. */
  static final Map<String, String> SLOTS =
      Map.of(
          "normalizer", "normalizers",
          "pre_tokenizer", "pretokenizers",
          "post_processor", "processors",
          "decoder", "decoders");

  private static final Map<String, List<String>> TYPES =
      Map.of(
          "normalizer",
          List.of(
              "NFKC",
              "Nmt",
              "StripAccents",
              "Strip",
              "Lowercase",
              "Prepend",
              "Replace",
              "Precompiled"),
          "pre_tokenizer",
          List.of(
              "Split",
              "FixedLength",
              "UnicodeScripts",
              "CharDelimiterSplit",
              "Digits",
              "Punctuation",
              "Whitespace",
              "WhitespaceSplit",
              "Metaspace"),
          "post_processor",
          List.of("BertProcessing", "TemplateProcessing"),
          "decoder",
          List.of(
              "BPEDecoder", "WordPiece", "CTC", "Fuse", "ByteFallback", "Metaspace", "Replace"));

  private TokenizerSeeds() {}

  /** Returns whether a component is of a type for that place. */
  static boolean fits(String slot, JsonElement component) {
    return component instanceof JsonObject object
        && object.has("type")
        && (object.get("type").getAsString().equals("ByteLevel")
            || TYPES.getOrDefault(slot, List.of()).contains(object.get("type").getAsString()));
  }

  /** Returns one tokenizer of each model type and the tiny models' own, cut short. */
  static List<JsonObject> all() {
    return List.of(byteLevel(), sentencePiece(), unigram(), wordPiece(), wordLevel(), tiny());
  }

  static JsonObject byteLevel() {
    return parse(
        """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [%s, %s],
         "normalizer": {"type": "NFC"},
         "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
           {"type": "Split", "pattern": {"Regex": "\\\\p{N}{1,3}| ?\\\\p{L}+|\\\\s+"},
            "behavior": "Isolated", "invert": false},
           {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
            "use_regex": false}]},
         "post_processor": {"type": "Sequence", "processors": [
           {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false,
            "use_regex": true},
           {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}]},
         "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
                     "use_regex": true},
         "model": {"type": "BPE", "dropout": null, "unk_token": null,
           "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
           "byte_fallback": false, "ignore_merges": true,
           "vocab": {"<s>": 0, "a": 1, "b": 2, "c": 3, "\u0120": 4, "ab": 5, "abc": 6,
                     "\u0120a": 7, "0": 8, "\u00C3": 9, "\u00A9": 10},
           "merges": [["a", "b"], ["ab", "c"], ["\u0120", "a"]]}}"""
            .formatted(added(0, "<s>", false), added(11, "<end>", true)));
  }

  static JsonObject sentencePiece() {
    return parse(
        """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [%s, %s],
         "normalizer": {"type": "Sequence", "normalizers": [
           {"type": "Prepend", "prepend": "\u2581"},
           {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
         "pre_tokenizer": null, "post_processor": null,
         "decoder": {"type": "Sequence", "decoders": [
           {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
           {"type": "ByteFallback"}, {"type": "Fuse"},
           {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
         "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>",
           "continuing_subword_prefix": "", "end_of_word_suffix": null, "fuse_unk": true,
           "byte_fallback": true,
           "vocab": {"<unk>": 0, "<0x0A>": 1, "<0xE9>": 2, "\u2581": 3, "a": 4, "##b": 5,
                     "\u2581a": 6, "b": 7, "ab": 8},
           "merges": ["\u2581 a", "a b"]}}"""
            .formatted(added(0, "<unk>", false), added(9, "  ", true)));
  }

  static JsonObject unigram() {
    return parse(
        """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [%s],
         "normalizer": {"type": "Sequence", "normalizers": [
           {"type": "Precompiled", "precompiled_charsmap": "%s"},
           {"type": "Strip", "strip_left": false, "strip_right": true},
           {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"}]},
         "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581",
           "prepend_scheme": "always", "split": true},
         "post_processor": {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 2]},
         "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always",
           "split": true},
         "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
           "vocab": [["<unk>", 0.0], ["</s>", 0], ["<s>", 0.0], ["\u2581", -2.5], ["a", -3.0],
                     ["b", -3.25], ["\u2581ab", -1e0], ["fi", -4.5]]}}"""
            .formatted(added(0, "<unk>", false), charsMap()));
  }

  static JsonObject wordPiece() {
    return parse(
        """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [%s],
         "normalizer": {"type": "BertNormalizer", "clean_text": true,
           "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
         "pre_tokenizer": {"type": "BertPreTokenizer"},
         "post_processor": {"type": "TemplateProcessing",
           "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                      {"Sequence": {"id": "A", "type_id": 0}},
                      {"SpecialToken": {"id": "[CLS]", "type_id": 0}}],
           "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                    {"Sequence": {"id": "B", "type_id": 1}}],
           "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}},
         "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
         "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
           "max_input_chars_per_word": 100,
           "vocab": {"[UNK]": 0, "[CLS]": 1, "hello": 2, "##s": 3, "a": 4, "##b": 5, "!": 6}}}"""
            .formatted(added(0, "[UNK]", false)));
  }

  static JsonObject wordLevel() {
    return parse(
        """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [%s],
         "normalizer": {"type": "Lowercase"},
         "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
           {"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Isolated"},
           {"type": "Digits", "individual_digits": true}]},
         "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 1],
           "trim_offsets": true, "add_prefix_space": true},
         "decoder": {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|",
           "cleanup": true},
         "model": {"type": "WordLevel", "unk_token": "<unk>",
           "vocab": {"<unk>": 0, "</s>": 1, "hello": 2, "a": 3, "world": 9}}}"""
            .formatted(added(0, "<unk>", false)));
  }

  /** The tiny models' tokenizer with its first tokens and merges alone. */
  static JsonObject tiny() {
    JsonObject json = TinyVocabulary.json();
    JsonObject model = json.getAsJsonObject("model");
    JsonObject vocab = new JsonObject();
    model.getAsJsonObject("vocab").entrySet().stream()
        .filter(entry -> entry.getValue().getAsInt() < 320)
        .forEach(entry -> vocab.add(entry.getKey(), entry.getValue()));
    JsonArray merges = new JsonArray();
    for (JsonElement merge : model.getAsJsonArray("merges")) {
      String left = merge.getAsJsonArray().get(0).getAsString();
      String right = merge.getAsJsonArray().get(1).getAsString();
      if (vocab.has(left) && vocab.has(right) && vocab.has(left.concat(right))) {
        merges.add(merge);
      }
    }
    model.add("vocab", vocab);
    model.add("merges", merges);
    return json;
  }

  /** Returns components of every type, sound ones and others, wherever they might be put. */
  static List<JsonElement> snippets() {
    return List.of(
            "{'type':'NFKC'}",
            "{'type':'Nmt'}",
            "{'type':'StripAccents'}",
            "{'type':'Strip','strip_left':true,'strip_right':true}",
            "{'type':'Lowercase'}",
            "{'type':'ByteLevel'}",
            "{'type':'Prepend','prepend':''}",
            "{'type':'Replace','pattern':{'Regex':'^'},'content':'x'}",
            "{'type':'Replace','pattern':{'String':''},'content':'xx'}",
            "{'type':'Replace','pattern':{'String':'a'},'content':''}",
            "{'type':'Replace','pattern':{'Regex':'a|b'},'content':'ccc'}",
            "{'type':'Precompiled','precompiled_charsmap':'AAAA'}",
            "{'type':'Precompiled','precompiled_charsmap':'/////wAAAAA='}",
            "{'type':'Precompiled','precompiled_charsmap':'" + charsMap() + "'}",
            "{'type':'Split','pattern':{'Regex':'(a|a)*$'},'behavior':'Removed','invert':false}",
            "{'type':'Split','pattern':{'Regex':'(?:)'},'behavior':'Isolated','invert':true}",
            "{'type':'Split','pattern':{'Regex':'\\\\s+'},'behavior':'MergedWithNext','invert':false}",
            "{'type':'Split','pattern':{'String':'a'},'behavior':'Contiguous','invert':true}",
            "{'type':'FixedLength','length':0}",
            "{'type':'FixedLength','length':3}",
            "{'type':'UnicodeScripts'}",
            "{'type':'CharDelimiterSplit','delimiter':'a'}",
            "{'type':'Digits','individual_digits':true}",
            "{'type':'Punctuation','behavior':'MergedWithPrevious'}",
            "{'type':'Whitespace'}",
            "{'type':'WhitespaceSplit'}",
            "{'type':'Metaspace','replacement':' ','prepend_scheme':'first','split':false}",
            "{'type':'Metaspace','replacement':'ab'}",
            "{'type':'ByteLevel','add_prefix_space':true,'trim_offsets':true}",
            "{'type':'BPEDecoder','suffix':''}",
            "{'type':'WordPiece','prefix':'','cleanup':false}",
            "{'type':'CTC','pad_token':'','word_delimiter_token':'','cleanup':true}",
            "{'type':'Fuse'}",
            "{'type':'ByteFallback'}",
            "{'type':'Strip','content':'a','start':1,'stop':1}",
            "{'type':'Strip','content':'a','start':3,'stop':0}",
            "{'type':'BertProcessing','sep':['x',4294967295],'cls':['y',0]}",
            "{'type':'Sequence','processors':[]}",
            "{'type':'Sequence','normalizers':[]}",
            "{'type':'Sequence','pretokenizers':[]}",
            "{'type':'Sequence','decoders':[]}",
            "{'type':'TemplateProcessing','single':[{'Sequence':{'id':'B','type_id':0}}],'pair':[],"
                + "'special_tokens':{}}",
            "{'type':'TemplateProcessing','single':[{'Sequence':{'id':'A','type_id':0}},"
                + "{'SpecialToken':{'id':'z','type_id':0}}],'pair':[{'Sequence':{'id':'A','type_id':0}}],"
                + "'special_tokens':{}}",
            "{'type':'Truncate'}",
            "{'id':3,'content':' ','single_word':false,'lstrip':true,'rstrip':true,"
                + "'normalized':true,'special':false}",
            "{'id':3,'content':'\\u0301','single_word':true,'lstrip':false,'rstrip':true,"
                + "'normalized':true,'special':true}",
            "{'id':3,'content':'','single_word':false,'lstrip':false,'rstrip':false,"
                + "'normalized':false,'special':true}",
            "null",
            "true",
            "-1",
            "0",
            "1.5",
            "4294967296",
            "1e999",
            "[]",
            "{}",
            "''",
            "'a'",
            "' '",
            "'\\u2581'",
            "'<0x41>'",
            "'##'",
            "'BPE'",
            "'\\ud83d\\ude00'",
            "['a','b']")
        .stream()
        .map(text -> JsonParser.parseString(text.replace('\'', '"')))
        .toList();
  }

  /**
   * Returns a sound charsmap of 1024 units in which "f" is followed by nothing and U+FF41, a wide
   * "a", becomes "a".
   */
  static String charsMap() {
    int[] units = new int[1024];
    byte[] wide = "\uFF41".getBytes(StandardCharsets.UTF_8);
    int[] states = {256, 512, 768, 1020};
    units[0] = states[0] << 10;
    for (int i = 0; i < 3; i++) {
      int child = states[i] ^ (wide[i] & 0xFF);
      boolean leaf = i == 2;
      units[child] = (child ^ states[i + 1]) << 10 | (leaf ? 1 << 8 : 0) | (wide[i] & 0xFF);
    }
    byte[] replacements = "a\0".getBytes(StandardCharsets.UTF_8);
    ByteBuffer map =
        ByteBuffer.allocate(4 + 4 * units.length + replacements.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(4 * units.length);
    for (int unit : units) {
      map.putInt(unit);
    }
    return Base64.getEncoder().encodeToString(map.put(replacements).array());
  }

  private static String added(int id, String content, boolean normalized) {
    return ADDED.formatted(id, content, false, false, normalized, !normalized);
  }

  private static JsonObject parse(String text) {
    return JsonParser.parseString(text).getAsJsonObject();
  }
}
