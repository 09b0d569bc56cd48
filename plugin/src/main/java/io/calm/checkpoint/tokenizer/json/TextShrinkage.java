package io.calm.checkpoint.tokenizer.json;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;

/**
 * Derives a bound on the UTF-16 units of a text per unit of its tokens, from the steps of a
 * tokenizer. There is no bound if a step may drop text, e.g. white space or accents, or may replace
 * a run of any length by one token. Not thread safe.
 */
public final class TextShrinkage {
  private static final int COMPOSITION = 8; // a base and its marks, in UTF-16 units
  private static final int DECOMPOSITION = 2; // a surrogate pair to one character
  private static final int MAX_FACTOR = 64;
  private static final int BYTES = 256;

  private final Predicate<String> vocabulary;
  private boolean bounded = true;
  private int factor = 1;
  private boolean byteLevel; // all characters are in the byte alphabet

  private TextShrinkage(Predicate<String> vocabulary) {
    this.vocabulary = vocabulary;
  }

  /**
   * Returns the bound in UTF-16 units; empty if there is none.
   *
   * @param type type of the model, e.g. BPE
   * @param model settings of the model
   * @param vocabulary whether the model has a token
   */
  public static OptionalInt of(
      Optional<JsonNode> normalizer,
      Optional<JsonNode> preTokenizer,
      String type,
      JsonNode model,
      Predicate<String> vocabulary) {
    TextShrinkage shrinkage = new TextShrinkage(vocabulary);
    normalizer.ifPresent(shrinkage::normalize);
    preTokenizer.ifPresent(shrinkage::preTokenize);
    boolean bounded = shrinkage.bounded && shrinkage.keepsAll(type, model);
    return bounded && shrinkage.factor <= MAX_FACTOR
        ? OptionalInt.of(shrinkage.factor)
        : OptionalInt.empty();
  }

  private void normalize(JsonNode step) {
    switch (StepWriter.type(step)) {
      case "Sequence" ->
          step.field("normalizers").elements(TokenizerLimits.IDS).forEach(this::normalize);
      case "NFC", "NFKC" -> times(COMPOSITION);
      case "NFD", "NFKD" -> times(DECOMPOSITION);
      case "Lowercase", "Prepend" -> {}
      case "ByteLevel" -> byteLevel = true;
      case "Replace" -> replace(step);
      default -> bounded = false;
    }
  }

  private void replace(JsonNode step) {
    byteLevel = false;
    int content = step.field("content").text(TokenizerLimits.AFFIX_LENGTH).length();
    Optional<JsonNode> pattern = step.field("pattern").optional("String");
    if (content == 0 || pattern.isEmpty()) {
      bounded = false;
    } else {
      int length = pattern.get().text(TokenizerLimits.NAME_LENGTH).length();
      times(Math.max(1, (length + content - 1) / content));
    }
  }

  private void times(int more) {
    factor = Math.min(MAX_FACTOR + 1, factor * more);
  }

  private void preTokenize(JsonNode step) {
    switch (StepWriter.type(step)) {
      case "Sequence" ->
          step.field("pretokenizers").elements(TokenizerLimits.IDS).forEach(this::preTokenize);
      case "ByteLevel" -> byteLevel = true;
      case "Metaspace", "Digits", "UnicodeScripts", "FixedLength" -> {}
      case "Split", "Punctuation" ->
          bounded &= step.optional("behavior").filter(it -> "Removed".equals(it.value())).isEmpty();
      default -> bounded = false;
    }
  }

  /** Returns whether tokens spell all characters of a word, or each unknown one is a token. */
  private boolean keepsAll(String type, JsonNode model) {
    boolean bytes = flag(model, "byte_fallback") && hasBytes();
    return switch (type) {
      case "BPE" ->
          bytes
              || (byteLevel && hasByteAlphabet())
              || (model.optional("unk_token").isPresent() && !flag(model, "fuse_unk"));
      case "Unigram" -> bytes;
      default -> false; // an unknown word is one token
    };
  }

  private static boolean flag(JsonNode model, String name) {
    return model.optional(name).map(JsonNode::flag).orElse(false);
  }

  private boolean hasBytes() {
    for (int b = 0; b < BYTES; b++) {
      if (!vocabulary.test("<0x%02X>".formatted(b))) {
        return false;
      }
    }
    return true;
  }

  /** Returns whether every character of GPT-2's byte alphabet is a token. */
  private boolean hasByteAlphabet() {
    int count = 0;
    for (char c = '!'; c < 0x100 + 68; c++) {
      boolean isByte = c <= '~' || (c >= 0xA1 && c != 0xAD);
      if (isByte && !vocabulary.test(String.valueOf(c))) {
        return false;
      }
      count += isByte ? 1 : 0;
    }
    return count == BYTES;
  }
}
