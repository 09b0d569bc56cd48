package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.tokenizer.json.TokenizerLimits;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A checked view of the {@code tokenizer.ggml.*} metadata of a GGUF file. */
final class GgufVocabulary {
  static final String PREFIX = "tokenizer.ggml.";

  private static final Logger logger = LoggerFactory.getLogger(GgufVocabulary.class);

  /** Token types of the GGUF specification. */
  static final int NORMAL = 1;

  static final int UNKNOWN = 2;
  static final int CONTROL = 3;
  static final int USER_DEFINED = 4;

  private final Map<String, Object> metadata;
  private final List<String> tokens;
  private final int[] types;

  GgufVocabulary(Map<String, Object> metadata) {
    this.metadata = metadata;
    this.tokens = strings("tokens");
    if (tokens.isEmpty()) {
      throw refuse("tokens", "at least one token", "none");
    }
    this.types = readTypes();
    checkSizes();
  }

  /** Applies the limits of {@code tokenizer.json}, since the native library gets the same data. */
  private void checkSizes() {
    int added = 0;
    for (int id = 0; id < types.length; id++) {
      boolean whole = types[id] == CONTROL || types[id] == UNKNOWN || types[id] == USER_DEFINED;
      added += whole ? 1 : 0;
      int limit = whole ? TokenizerLimits.ADDED_TOKEN_LENGTH : TokenizerLimits.TOKEN_LENGTH;
      if (tokens.get(id).length() > limit) {
        throw refuse(
            "tokens",
            "at most " + limit + " characters at index " + id,
            tokens.get(id).length() + " characters");
      }
    }
    if (added > TokenizerLimits.ADDED_TOKENS || types.length > TokenizerLimits.IDS) {
      throw refuse(
          "token_type",
          "at most %d tokens, %d of them control or user-defined"
              .formatted(TokenizerLimits.IDS, TokenizerLimits.ADDED_TOKENS),
          types.length + " and " + added);
    }
  }

  int size() {
    return tokens.size();
  }

  String token(int id) {
    return tokens.get(id);
  }

  int type(int id) {
    return types[id];
  }

  /**
   * Returns ids by spelling. Of equal spellings the last id counts, as in llama.cpp; empty
   * spellings are left out.
   */
  Map<String, Integer> ids() {
    Map<String, Integer> ids = new HashMap<>(2 * tokens.size());
    for (int id = 0; id < tokens.size(); id++) {
      if (!tokens.get(id).isEmpty()) {
        ids.put(tokens.get(id), id);
      }
    }
    return ids;
  }

  Vocabulary vocabulary() {
    BitSet added = new BitSet();
    BitSet special = new BitSet();
    for (int id = 0; id < tokens.size(); id++) {
      boolean control = types[id] == CONTROL || types[id] == UNKNOWN;
      special.set(id, control);
      added.set(id, control || types[id] == USER_DEFINED);
    }
    return new Vocabulary(tokens, added, special);
  }

  Optional<String> string(String key) {
    Object value = metadata.get(PREFIX + key);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof String text) {
      return Optional.of(text);
    }
    throw refuse(key, "a string", describe(value));
  }

  boolean flag(String key, boolean fallback) {
    Object value = metadata.get(PREFIX + key);
    if (value == null) {
      return fallback;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw refuse(key, "true or false", describe(value));
  }

  /** Returns the token id of {@code key}, which must be in the vocabulary. */
  OptionalInt id(String key) {
    Object value = metadata.get(PREFIX + key);
    if (value == null) {
      return OptionalInt.empty();
    }
    if (value instanceof Number id && id.longValue() >= 0 && id.longValue() < tokens.size()) {
      return OptionalInt.of(id.intValue());
    }
    throw refuse(key, "a token id from 0 to " + (tokens.size() - 1), describe(value));
  }

  /** Returns a required list of strings. */
  List<String> strings(String key) {
    List<?> list = list(key).orElseThrow(() -> refuse(key, "a list of strings", "no such key"));
    List<String> strings = new ArrayList<>(list.size());
    for (int i = 0; i < list.size(); i++) {
      if (!(list.get(i) instanceof String text)) {
        throw refuse(key, "a list of strings", describe(list.get(i)) + " at index " + i);
      }
      strings.add(text);
    }
    return Collections.unmodifiableList(strings);
  }

  /** Returns the score of each token. */
  double[] scores() {
    String expected = tokens.size() + " numbers, one per token";
    List<?> list = list("scores").orElseThrow(() -> refuse("scores", expected, "no such key"));
    if (list.size() != tokens.size()) {
      throw refuse("scores", expected, list.size() + " elements");
    }
    double[] scores = new double[tokens.size()];
    for (int i = 0; i < scores.length; i++) {
      if (!(list.get(i) instanceof Number score) || Double.isNaN(score.doubleValue())) {
        throw refuse("scores", expected, describe(list.get(i)) + " at index " + i);
      }
      scores[i] = score.doubleValue();
    }
    return scores;
  }

  /** Creates the exception for an invalid or missing key. */
  static CheckpointException refuse(String key, String expected, String got) {
    return new CheckpointException(
        "GGUF metadata, key "
            + PREFIX
            + key
            + ": expected "
            + expected
            + ", got "
            + got
            + "; convert the model again with a current llama.cpp convert_hf_to_gguf.py, or serve"
            + " its Hugging Face directory");
  }

  private int[] readTypes() {
    int[] result = new int[tokens.size()];
    Optional<List<?>> list = list("token_type");
    if (list.isEmpty()) {
      Arrays.fill(result, NORMAL);
      for (String key : List.of("bos_token_id", "eos_token_id", "unknown_token_id")) {
        id(key).ifPresent(id -> result[id] = CONTROL);
      }
      return result;
    }
    String expected = tokens.size() + " token types, one per token";
    if (list.get().size() != tokens.size()) {
      throw refuse("token_type", expected, list.get().size() + " elements");
    }
    for (int i = 0; i < result.length; i++) {
      if (!(list.get().get(i) instanceof Number type)) {
        throw refuse("token_type", expected, describe(list.get().get(i)) + " at index " + i);
      }
      result[i] = type.intValue();
      if (result[i] != CONTROL
          && EndOfTurnTokens.contains(tokens.get(i))
          && !(EndOfTurnTokens.isTag(tokens.get(i)) && isText(i, result[i]))) {
        logger.warn(
            "{}tokens: treating \"{}\" at index {} of type {} as a control token: it ends turns",
            PREFIX,
            Printable.of(tokens.get(i)),
            i,
            result[i]);
        result[i] = CONTROL;
      }
    }
    return result;
  }

  /** Returns whether a token is text, since it is a normal one and no key names it as an end. */
  private boolean isText(int id, int type) {
    return EndOfTurnTokens.isText(metadata.getOrDefault(PREFIX + "model", ""), type)
        && Stream.of("eos_token_id", "eot_token_id", "eom_token_id")
            .noneMatch(
                key -> metadata.get(PREFIX + key) instanceof Number end && end.longValue() == id);
  }

  private Optional<List<?>> list(String key) {
    Object value = metadata.get(PREFIX + key);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof List<?> list) {
      return Optional.of(list);
    }
    throw refuse(key, "a list", describe(value));
  }

  private static String describe(Object value) {
    return value instanceof List<?> list
        ? "a list of " + list.size()
        : "\"" + Printable.of(value) + "\"";
  }
}
