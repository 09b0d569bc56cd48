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
 * Checks and writes {@code model}. Vocabulary and merges, nearly all of a file, are copied as they
 * are read; the settings are written after them. Not thread safe.
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

  /** Returns the id of each token; of equal ones the last. */
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
  Node settings() {
    return new Node(path, settings);
  }

  /** Takes the model's value and writes it. */
  void write() {
    if (json.peek() != '{') {
      throw json.fault("an object, the model,");
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

  private void writeSettings(Node node, int start) {
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
        text(node.field("unk_token"), "unk_token", Limits.NAME_LENGTH);
        text(
            node.field("continuing_subword_prefix"),
            "continuing_subword_prefix",
            Limits.AFFIX_LENGTH);
        String key = "max_input_chars_per_word";
        name(key).append(node.field(key).integer(0, Limits.WORD_LENGTH));
      }
      case "WordLevel" -> text(node.field("unk_token"), "unk_token", Limits.NAME_LENGTH);
      default -> writeUnigram(node);
    }
  }

  /** Returns the type of a file without one, by the fields that it has, as the library does. */
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

  private void writeBpe(Node node) {
    node.optional("dropout")
        .filter(it -> !(it.value() instanceof StrictJson.Numeral n && isZero(n)))
        .ifPresent(
            it ->
                logger.warn(
                    "{}: ignored, since it is for training: a text would have other tokens every time",
                    it.path()));
    node.optional("unk_token").ifPresent(it -> text(it, "unk_token", Limits.NAME_LENGTH));
    String prefix = "continuing_subword_prefix";
    node.optional(prefix)
        .ifPresent(
            it -> {
              text(it, prefix, Limits.AFFIX_LENGTH);
              checkPrefix(it.text(Limits.AFFIX_LENGTH));
            });
    String suffix = "end_of_word_suffix";
    node.optional(suffix).ifPresent(it -> text(it, suffix, Limits.AFFIX_LENGTH));
    for (String flag : List.of("fuse_unk", "byte_fallback", "ignore_merges")) {
      node.optional(flag).ifPresent(it -> name(flag).append(it.flag()));
    }
  }

  private static boolean isZero(StrictJson.Numeral number) {
    return number.text().matches("-?0(\\.0+)?([eE].*)?");
  }

  private void writeUnigram(Node node) {
    Optional<Node> unknown = node.optional("unk_id");
    if (unknown.isPresent()) {
      name("unk_id").append(unknown.get().integer(0, size - 1));
    }
    node.optional("byte_fallback").ifPresent(it -> name("byte_fallback").append(it.flag()));
  }

  /**
   * Requires that the right part of every merge begins with the prefix: the library cuts as many
   * bytes off it without looking.
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
      String token = checked(json.name(), Limits.TOKEN_LENGTH);
      StrictJson.Numeral number = json.number();
      int id = Node.whole(number);
      if (id < 0 || id >= Limits.IDS) {
        throw JsonFault.at(
            path + ".vocab[" + JsonFault.quoted(token) + "]",
            "an id from 0 to " + (Limits.IDS - 1),
            number.text());
      }
      if (ids.put(token, id) != null) {
        throw json.duplicate(token);
      }
      String other = tokens.put(id, token);
      if (other != null) {
        throw JsonFault.at(
            path + ".vocab[" + JsonFault.quoted(token) + "]",
            "an id of its own",
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
      if (size >= Limits.IDS) {
        throw json.fault("at most " + Limits.IDS + " pieces");
      }
      json.take('[');
      String piece = checked(json.string(), Limits.PIECE_LENGTH);
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
      String left = checked(json.string(), Limits.TOKEN_LENGTH);
      json.take(',');
      String right = checked(json.string(), Limits.TOKEN_LENGTH);
      json.take(']');
      return new String[] {left, right};
    }
    String merge = json.string();
    int space = merge.indexOf(' ');
    if (space < 0 || merge.indexOf(' ', space + 1) >= 0 || merge.length() > Limits.TOKEN_LENGTH) {
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

  private void text(Node node, String name, int limit) {
    JsonText.quote(name(name), node.text(limit));
  }

  private StringBuilder name(String name) {
    return out.append(",\"").append(name).append("\":");
  }

  private StringBuilder comma(int start) {
    return out.append(out.length() == start ? "" : ",");
  }
}
