package io.calm.checkpoint.tokenizer;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.text.Printable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Converts the tokenizer of a Hugging Face directory to the {@code tokenizer.ggml.*} metadata of
 * GGUF. The result is tried: it encodes a set of texts as the directory's tokenizer does.
 */
public final class GgufTokenizerMetadata {
  private static final Logger logger = LoggerFactory.getLogger(GgufTokenizerMetadata.class);

  static final long NORMAL = GgufVocabulary.NORMAL;
  static final long UNKNOWN = GgufVocabulary.UNKNOWN;
  static final long CONTROL = GgufVocabulary.CONTROL;
  static final long USER_DEFINED = GgufVocabulary.USER_DEFINED;
  static final long UNUSED = 5;
  static final long BYTE = 6;

  /** A special token's name in tokenizer_config.json and its key. */
  private record SpecialKey(String name, String key) {}

  /** Special tokens, in the order of their keys. */
  private static final List<SpecialKey> SPECIAL =
      List.of(
          new SpecialKey("bos_token", "bos_token_id"),
          new SpecialKey("eos_token", "eos_token_id"),
          new SpecialKey("unk_token", "unknown_token_id"),
          new SpecialKey("sep_token", "seperator_token_id"),
          new SpecialKey("pad_token", "padding_token_id"),
          new SpecialKey("mask_token", "mask_token_id"));

  /** Keys of further tokens that end a generation, in the order of their use. */
  private static final List<String> ENDS = List.of("eot_token_id", "eom_token_id");

  private final String source;
  private final Path directory;
  private final int rows;
  private final TokenizerJson parsed;
  private final Map<String, Object> keys = new LinkedHashMap<>();

  private GgufTokenizerMetadata(Path directory, int rows) {
    this.directory = directory;
    this.source = directory.resolve("tokenizer.json").toString();
    this.rows = rows;
    this.parsed = TokenizerLoader.read(directory.resolve("tokenizer.json"));
  }

  /**
   * Returns the metadata.
   *
   * @param rows number of rows of the embedding table, which is the number of tokens in GGUF
   * @param defaults the tokens that begin and end a sequence
   * @param tokenizer the directory's tokenizer
   * @throws CheckpointException if the file is missing or invalid, or GGUF has no equivalent
   */
  public static Map<String, Object> of(
      Path directory, int rows, GenerationDefaults defaults, Tokenizer tokenizer) {
    return new GgufTokenizerMetadata(directory, rows).convert(defaults, tokenizer);
  }

  private Map<String, Object> convert(GenerationDefaults defaults, Tokenizer tokenizer) {
    JsonObject json = JsonParser.parseString(parsed.checked().json()).getAsJsonObject();
    GgufModelKeys model = GgufModelKeys.of(json, source);
    List<String> tokens = tokens();
    List<Long> types = types(model);
    keys.put(key("model"), model.name());
    model.pre().ifPresent(pre -> keys.put(key("pre"), pre));
    keys.put(key("tokens"), tokens);
    keys.put(key("token_type"), types);
    model.addTo(keys, tokens, types);
    addSpecial(tokens);
    addEnds(tokens, model.name(), types, defaults.resolved(tokenizer).endOfSequence());
    addAffixes(tokenizer);
    TokenizerTrial.require(source, tokenizer, keys, parsed.vocabulary());
    return keys;
  }

  private static String key(String name) {
    return GgufVocabulary.PREFIX + name;
  }

  /** Returns one token per row: rows without a token get a name that no text has. */
  private List<String> tokens() {
    Vocabulary vocabulary = parsed.vocabulary();
    for (int id = rows; id < vocabulary.size(); id++) {
      if (!vocabulary.token(id).isEmpty()) {
        throw CheckpointException.refused(
            source,
            "at most %d tokens, the rows of the embedding table".formatted(rows),
            "\"%s\" with id %d".formatted(Printable.of(vocabulary.token(id)), id),
            "a GGUF file has one row per token: export with --format safetensors");
      }
    }
    List<String> tokens = new ArrayList<>(rows);
    for (int id = 0; id < rows; id++) {
      String token = vocabulary.token(id);
      tokens.add(token.isEmpty() ? "[PAD" + id + "]" : token);
    }
    return tokens;
  }

  private List<Long> types(GgufModelKeys model) {
    Vocabulary vocabulary = parsed.vocabulary();
    List<Long> types = new ArrayList<>(rows);
    for (int id = 0; id < rows; id++) {
      String token = vocabulary.token(id);
      if (token.isEmpty()) {
        types.add(UNUSED);
      } else if (model.isUnknown(token)) {
        types.add(UNKNOWN);
      } else if (vocabulary.isSpecial(id)) {
        types.add(CONTROL);
      } else if (vocabulary.isAdded(id)) {
        types.add(USER_DEFINED);
      } else {
        types.add(model.isByte(token) ? BYTE : NORMAL);
      }
    }
    return types;
  }

  private void addSpecial(List<String> tokens) {
    Map<String, String> named = SpecialTokens.of(directory);
    for (SpecialKey special : SPECIAL) {
      String name = special.name();
      int id = named.containsKey(name) ? tokens.indexOf(named.get(name)) : -1;
      if (id >= 0) {
        keys.put(key(special.key()), (long) id);
      }
    }
  }

  /** Adds the ends that readers of the file do not know by their text. */
  private void addEnds(List<String> tokens, String model, List<Long> types, Set<Integer> ends) {
    Set<Integer> left = new TreeSet<>(ends);
    if (!keys.containsKey(key("eos_token_id")) && !left.isEmpty()) {
      keys.put(key("eos_token_id"), (long) left.iterator().next());
    }
    if (keys.get(key("eos_token_id")) instanceof Long eos) {
      left.remove(eos.intValue());
    }
    left.removeAll(EndOfTurnTokens.ids(tokens, id -> EndOfTurnTokens.isText(model, types.get(id))));
    for (String end : ENDS) {
      if (!left.isEmpty()) {
        int id = left.iterator().next();
        keys.put(key(end), (long) id);
        left.remove(id);
      }
    }
    if (!left.isEmpty()) {
      logger.warn("{}: GGUF has no key for the tokens {}, which end a generation", source, left);
    }
  }

  /** Adds what the post-processor adds to a text. */
  private void addAffixes(Tokenizer tokenizer) {
    int[] plain = tokenizer.encode("a", false);
    int[] full = tokenizer.encode("a", true);
    List<Integer> before = new ArrayList<>();
    List<Integer> after = new ArrayList<>();
    int at = Collections.indexOfSubList(boxed(full), boxed(plain));
    for (int i = 0; i < full.length; i++) {
      if (i < at) {
        before.add(full[i]);
      } else if (i >= at + plain.length) {
        after.add(full[i]);
      }
    }
    if (at < 0 || before.size() > 1 || after.size() > 1) {
      throw CheckpointException.refused(
          source + ": post_processor",
          "at most one token before a text and one after it",
          boxed(full),
          "GGUF has no place for others: export with --format safetensors");
    }
    addAffix("bos", before);
    addAffix("eos", after);
  }

  private void addAffix(String name, List<Integer> added) {
    keys.put(key("add_%s_token".formatted(name)), !added.isEmpty());
    if (!added.isEmpty()) {
      Object old = keys.put(key(name + "_token_id"), (long) added.get(0));
      if (old != null && !old.equals((long) added.get(0))) {
        throw CheckpointException.refused(
            source + ": post_processor",
            "the token %s, which is %s".formatted(old, name),
            added.get(0),
            "GGUF has no place for another one: export with --format safetensors");
      }
    }
  }

  private static List<Integer> boxed(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }

  /** Returns the text of an element, or the empty string. */
  static String text(JsonElement element) {
    return element != null && element.isJsonPrimitive() ? element.getAsString() : "";
  }
}
