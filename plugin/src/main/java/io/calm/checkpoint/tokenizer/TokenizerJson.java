package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import io.calm.checkpoint.tokenizer.json.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * A checked {@code tokenizer.json} and the parts that are used outside the native library:
 * vocabulary, special tokens and the kind of decoder.
 */
record TokenizerJson(CheckedTokenizer checked) {

  /**
   * Checks the text of a {@code tokenizer.json}.
   *
   * @param source the file, for error messages
   * @throws io.calm.checkpoint.CheckpointException if it is not valid
   */
  static TokenizerJson parse(String json, String source) {
    return new TokenizerJson(CheckedTokenizer.of(json, source));
  }

  Vocabulary vocabulary() {
    int size = 1 + checked.tokens().keySet().stream().mapToInt(Integer::intValue).max().orElse(-1);
    List<String> spellings = new ArrayList<>(size);
    for (int id = 0; id < size; id++) {
      spellings.add(checked.tokens().getOrDefault(id, ""));
    }
    return new Vocabulary(
        Collections.unmodifiableList(spellings), checked.added(), checked.special());
  }

  /** Returns a Java detokenizer equivalent to the file's decoder, or else the library's. */
  Detokenizer detokenizer(Vocabulary vocabulary, NativeTokenizer library) {
    if (checked.decoder().isPresent()) {
      JsonNode decoder = checked.decoder().get();
      if (isType(decoder, "ByteLevel")) {
        return new ByteDetokenizer(vocabulary, TokenSpelling.BYTE_LEVEL, false);
      }
      Optional<Boolean> strip = sentencePieceStrip(decoder);
      if (strip.isPresent()) {
        return new ByteDetokenizer(vocabulary, TokenSpelling.SENTENCE_PIECE, strip.get());
      }
    }
    boolean byteFallback = checked.decoder().filter(TokenizerJson::readsBytes).isPresent();
    return WindowedDetokenizer.create(vocabulary, library, byteFallback);
  }

  /** Returns whether a decoder, or a step of it, reads tokens such as {@code <0x0A>} as bytes. */
  private static boolean readsBytes(JsonNode decoder) {
    return isType(decoder, "ByteFallback")
        || (isType(decoder, "Sequence")
            && decoder.field("decoders").elements(Integer.MAX_VALUE).stream()
                .anyMatch(TokenizerJson::readsBytes));
  }

  /**
   * Recognizes the SentencePiece decoder of LLaMA: the steps Replace, ByteFallback, Fuse and,
   * optionally, Strip for one leading space.
   *
   * @return whether there is a Strip; empty if this is another decoder
   */
  private static Optional<Boolean> sentencePieceStrip(JsonNode decoder) {
    if (!isType(decoder, "Sequence")) {
      return Optional.empty();
    }
    List<JsonNode> steps = decoder.field("decoders").elements(Integer.MAX_VALUE);
    if (steps.size() < 3
        || steps.size() > 4
        || !replacesUnderline(steps.get(0))
        || !isType(steps.get(1), "ByteFallback")
        || !isType(steps.get(2), "Fuse")) {
      return Optional.empty();
    }
    if (steps.size() == 3) {
      return Optional.of(false);
    }
    JsonNode strip = steps.get(3);
    boolean one =
        isType(strip, "Strip")
            && has(strip, "content", " ")
            && strip.field("start").integer(0, Integer.MAX_VALUE) == 1;
    return one ? Optional.of(true) : Optional.empty();
  }

  private static boolean replacesUnderline(JsonNode step) {
    return isType(step, "Replace")
        && has(step.field("pattern"), "String", "\u2581")
        && has(step, "content", " ");
  }

  private static boolean isType(JsonNode step, String type) {
    return has(step, "type", type);
  }

  private static boolean has(JsonNode node, String name, String text) {
    return node.optional(name).filter(it -> it.value().equals(text)).isPresent();
  }
}
