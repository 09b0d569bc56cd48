package io.calm.checkpoint.tokenizer.json;

import io.calm.checkpoint.CheckpointException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Validates and writes {@code model}. Copies vocabulary and merges, which are nearly all of a file,
 * while reading them, and writes the settings after them. Not thread safe.
 */
final class ModelCheck {
  private static final List<String> TYPES = List.of("BPE", "WordPiece", "WordLevel", "Unigram");

  private static final Logger logger = LoggerFactory.getLogger(ModelCheck.class);

  private final StrictJson json;
  private final String path;
  private final StringBuilder out;
  private final Map<String, Integer> ids = new HashMap<>();
  private final Map<Integer, String> tokens = new HashMap<>();
  private final Map<String, Object> settings = new LinkedHashMap<>();
  private String type = "";
  private int size;
  private boolean listed;
  private int vocabAt = -1;
  private int mergesAt = -1;

  ModelCheck(StrictJson json, String source, StringBuilder out) {
    this.json = json;
    this.path = source + ": model";
    this.out = out;
  }

  /** Returns the id of each token; for duplicate pieces, the last. */
  Map<String, Integer> ids() {
    return ids;
  }

  /** Returns the token of each id. */
  Map<Integer, String> tokens() {
    return tokens;
  }

  /** Returns the size of the vocabulary as the library counts it. */
  int size() {
    return size;
  }

  /** Returns the model's type, e.g. BPE. */
  String type() {
    return type;
  }

  /** Returns the fields other than vocabulary and merges. */
  JsonNode settings() {
    return new JsonNode(path, settings);
  }

  /** Reads the model's value and writes it. */
  void write() {
    if (json.peek() != '{') {
      throw json.fault("an object with the model");
    }
    json.take('{');
    out.append('{');
    int start = out.length();
    Set<String> names = new HashSet<>();
    while (json.next('}', names.isEmpty())) {
      String name = json.name();
      if (!names.add(name)) {
        throw json.duplicate(name);
      }
      switch (name) {
        case "vocab" -> readVocabulary(start);
        case "merges" -> readMerges(start);
        default -> settings.put(name, json.value(1));
      }
    }
    writeSettings(settings(), start);
    out.append('}');
  }

  private void writeSettings(JsonNode node, int start) {
    if (vocabAt < 0) {
      throw JsonFault.at(path + ".vocab", "a vocabulary", "no such key");
    }
    type = node.optional("type").map(it -> it.word(TYPES)).orElseGet(this::inferred);
    comma(start).append("\"type\":\"").append(type).append('"');
    if (listed != type.equals("Unigram")) {
      throw JsonFault.at(
          path + ".vocab",
          listed ? "an object of tokens and ids" : "a list of pieces and scores",
          listed ? "a list" : "an object");
    }
    if (mergesAt >= 0 != type.equals("BPE")) {
      throw JsonFault.at(
          path + ".merges",
          type.equals("BPE") ? "a list of merges" : "none with a model of type " + type,
          mergesAt >= 0 ? "a list" : "no such key");
    }
    switch (type) {
      case "BPE" -> writeBpe(node);
      case "WordPiece" -> {
        text(node.field("unk_token"), "unk_token", TokenizerLimits.NAME_LENGTH);
        text(
            node.field("continuing_subword_prefix"),
            "continuing_subword_prefix",
            TokenizerLimits.AFFIX_LENGTH);
        String key = "max_input_chars_per_word";
        name(key).append(node.field(key).integer(0, TokenizerLimits.WORD_LENGTH));
      }
      case "WordLevel" -> text(node.field("unk_token"), "unk_token", TokenizerLimits.NAME_LENGTH);
      default -> writeUnigram(node);
    }
  }

  /** Infers the type of a model without a {@code type} from its fields, as the library does. */
  private String inferred() {
    if (mergesAt >= 0) {
      return "BPE";
    }
    if (listed) {
      return "Unigram";
    }
    if (settings.containsKey("max_input_chars_per_word")) {
      return "WordPiece";
    }
    if (settings.containsKey("unk_token")) {
      return "WordLevel";
    }
    throw JsonFault.at(path + ".type", "one of " + String.join(", ", TYPES), "no such key");
  }

  private void writeBpe(JsonNode node) {
    node.optional("dropout")
        .filter(it -> !(it.value() instanceof StrictJson.Numeral n && isZero(n)))
        .ifPresent(
            it ->
                logger.warn(
                    "{}: ignored, because dropout is for training and would make tokenization random",
                    it.path()));
    node.optional("unk_token").ifPresent(it -> text(it, "unk_token", TokenizerLimits.NAME_LENGTH));
    String prefix = "continuing_subword_prefix";
    node.optional(prefix)
        .ifPresent(
            it -> {
              text(it, prefix, TokenizerLimits.AFFIX_LENGTH);
              checkPrefix(it.text(TokenizerLimits.AFFIX_LENGTH));
            });
    String suffix = "end_of_word_suffix";
    node.optional(suffix).ifPresent(it -> text(it, suffix, TokenizerLimits.AFFIX_LENGTH));
    for (String flag : List.of("fuse_unk", "byte_fallback", "ignore_merges")) {
      node.optional(flag).ifPresent(it -> name(flag).append(it.flag()));
    }
  }

  private static boolean isZero(StrictJson.Numeral number) {
    return number.text().matches("-?0(\\.0+)?([eE].*)?");
  }

  private void writeUnigram(JsonNode node) {
    Optional<JsonNode> unknown = node.optional("unk_id");
    if (unknown.isPresent()) {
      name("unk_id").append(unknown.get().integer(0, size - 1));
    }
    node.optional("byte_fallback").ifPresent(it -> name("byte_fallback").append(it.flag()));
  }

  /**
   * Requires that the right part of every merge begins with the prefix, because the library removes
   * that number of bytes without a check.
   */
  private void checkPrefix(String prefix) {
    if (prefix.isEmpty()) {
      return;
    }
    int length = prefix.getBytes(StandardCharsets.UTF_8).length;
    int back = json.position();
    json.seek(mergesAt);
    json.take('[');
    for (int i = 0; json.next(']', i == 0); i++) {
      String right = mergeAt(i)[1];
      byte[] bytes = right.getBytes(StandardCharsets.UTF_8);
      if (bytes.length < length || (bytes.length > length && (bytes[length] & 0xC0) == 0x80)) {
        throw JsonFault.at(
            path + ".merges[" + i + "]",
            "a right part that begins with continuing_subword_prefix " + JsonFault.quoted(prefix),
            JsonFault.quoted(right));
      }
    }
    json.seek(back);
  }

  private void readVocabulary(int start) {
    vocabAt = json.position();
    comma(start).append("\"vocab\":");
    if (json.peek() == '[') {
      listed = true;
      readPieces();
    } else {
      readIds();
    }
    if (size == 0) {
      throw JsonFault.at(path + ".vocab", "at least one token", "none");
    }
  }

  private void readIds() {
    json.take('{');
    out.append('{');
    for (; json.next('}', size == 0); size++) {
      String token = checked(json.name(), TokenizerLimits.TOKEN_LENGTH);
      StrictJson.Numeral number = json.number();
      int id = JsonNode.whole(number);
      if (id < 0 || id >= TokenizerLimits.IDS) {
        throw JsonFault.at(
            path + ".vocab[" + JsonFault.quoted(token) + "]",
            "an id from 0 to " + (TokenizerLimits.IDS - 1),
            number.text());
      }
      if (ids.put(token, id) != null) {
        throw json.duplicate(token);
      }
      String other = tokens.put(id, token);
      if (other != null) {
        throw JsonFault.at(
            path + ".vocab[" + JsonFault.quoted(token) + "]",
            "a unique id",
            id + ", the id of " + JsonFault.quoted(other));
      }
      JsonText.quote(out.append(size == 0 ? "" : ","), token).append(':').append(id);
    }
    out.append('}');
  }

  private void readPieces() {
    json.take('[');
    out.append('[');
    for (; json.next(']', size == 0); size++) {
      if (size >= TokenizerLimits.IDS) {
        throw json.fault("at most " + TokenizerLimits.IDS + " pieces");
      }
      json.take('[');
      String piece = checked(json.string(), TokenizerLimits.PIECE_LENGTH);
      json.take(',');
      String score = json.number().text();
      json.take(']');
      if (!Double.isFinite(Double.parseDouble(score))) {
        throw JsonFault.at(path + ".vocab[" + size + "]", "a finite score", score);
      }
      ids.put(piece, size);
      tokens.put(size, piece);
      JsonText.quote(out.append(size == 0 ? "[" : ",["), piece).append(',').append(score);
      out.append(']');
    }
    out.append(']');
  }

  private String checked(String token, int limit) {
    if (token.length() > limit) {
      throw JsonFault.at(
          path + ".vocab", "tokens of at most " + limit + " characters", JsonFault.quoted(token));
    }
    return token;
  }

  private void readMerges(int start) {
    mergesAt = json.position();
    comma(start).append("\"merges\":[");
    json.take('[');
    for (int i = 0; json.next(']', i == 0); i++) {
      String[] merge = mergeAt(i);
      JsonText.quote(out.append(i == 0 ? "[" : ",["), merge[0]).append(',');
      JsonText.quote(out, merge[1]).append(']');
    }
    out.append(']');
  }

  /** Reads {@code "a b"} or {@code ["a", "b"]}. */
  private String[] mergeAt(int index) {
    if (json.peek() == '[') {
      json.take('[');
      String left = checked(json.string(), TokenizerLimits.TOKEN_LENGTH);
      json.take(',');
      String right = checked(json.string(), TokenizerLimits.TOKEN_LENGTH);
      json.take(']');
      return new String[] {left, right};
    }
    String merge = json.string();
    int space = merge.indexOf(' ');
    if (space < 0
        || merge.indexOf(' ', space + 1) >= 0
        || merge.length() > TokenizerLimits.TOKEN_LENGTH) {
      throw mergeFault(index, merge);
    }
    return new String[] {merge.substring(0, space), merge.substring(space + 1)};
  }

  private CheckpointException mergeFault(int index, String got) {
    return JsonFault.at(
        path + ".merges[" + index + "]",
        "two pieces and one space between them",
        JsonFault.quoted(got));
  }

  private void text(JsonNode node, String name, int limit) {
    JsonText.quote(name(name), node.text(limit));
  }

  private StringBuilder name(String name) {
    return out.append(",\"").append(name).append("\":");
  }

  private StringBuilder comma(int start) {
    return out.append(out.length() == start ? "" : ",");
  }
}
