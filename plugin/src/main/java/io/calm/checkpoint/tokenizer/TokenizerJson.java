package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import io.calm.checkpoint.tokenizer.json.Node;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * The parts of a {@code tokenizer.json} that CALM itself uses: spellings, special tokens, the
 * decoder's kind.
 */
record TokenizerJson(CheckedTokenizer checked) {

  /**
   * Checks the text of a {@code tokenizer.json}.
   *
   * @param source the file, for messages
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

  /** Returns the Java decoder that does what the file's decoder does, or the library's own. */
  Detokenizer detokenizer(Vocabulary vocabulary, NativeTokenizer library) {
    if (checked.decoder().isPresent()) {
      Node decoder = checked.decoder().get();
      if (isType(decoder, "ByteLevel")) {
        return new SpelledDetokenizer(vocabulary, Spelling.BYTE_LEVEL, false);
      }
      Optional<Boolean> strip = sentencePieceStrip(decoder);
      if (strip.isPresent()) {
        return new SpelledDetokenizer(vocabulary, Spelling.SENTENCE_PIECE, strip.get());
      }
    }
    return new WindowedDetokenizer(vocabulary, library);
  }

  /**
   * Recognizes the decoder of LLaMA's conversions: a sequence of Replace, ByteFallback, Fuse and,
   * at most, a Strip of one leading space. Empty where it is anything else.
   */
  private static Optional<Boolean> sentencePieceStrip(Node decoder) {
    if (!isType(decoder, "Sequence")) {
      return Optional.empty();
    }
    List<Node> steps = decoder.field("decoders").elements(Integer.MAX_VALUE);
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
    Node strip = steps.get(3);
    boolean one =
        isType(strip, "Strip")
            && has(strip, "content", " ")
            && strip.field("start").integer(0, Integer.MAX_VALUE) == 1;
    return one ? Optional.of(true) : Optional.empty();
  }

  private static boolean replacesUnderline(Node step) {
    return isType(step, "Replace")
        && has(step.field("pattern"), "String", "\u2581")
        && has(step, "content", " ");
  }

  private static boolean isType(Node step, String type) {
    return has(step, "type", type);
  }

  private static boolean has(Node node, String name, String text) {
    return node.optional(name).filter(it -> it.value().equals(text)).isPresent();
  }
}
