package io.calm.checkpoint.tokenizer.json;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;

/**
 * A bound on the characters of a text that become one character of a token, derived from the steps
 * of a tokenizer. There is none if a step may drop text, e.g. white space or accents, or may
 * replace a run of any length by one token. Not thread safe.
 */
public final class TextShrinkage {
  private static final int COMPOSITION = 8; // a base and its marks, in UTF-16 units
  private static final int DECOMPOSITION = 2; // a surrogate pair to one character
  private static final int LIMIT = 64;
  private static final int BYTES = 256;

  private final Predicate<String> vocabulary;
  private boolean bounded = true;
  private int factor = 1;
  private boolean byteLevel; // all characters are those of the byte alphabet

  private TextShrinkage(Predicate<String> vocabulary) {
    this.vocabulary = vocabulary;
  }

  /**
   * Returns the bound in UTF-16 units; empty if there is none.
   *
   * @param type of the model, e.g. BPE
   * @param model its settings
   * @param vocabulary whether the model has a token
   */
  public static OptionalInt of(
      Optional<Node> normalizer,
      Optional<Node> preTokenizer,
      String type,
      Node model,
      Predicate<String> vocabulary) {
    TextShrinkage shrinkage = new TextShrinkage(vocabulary);
    normalizer.ifPresent(shrinkage::normalize);
    preTokenizer.ifPresent(shrinkage::preTokenize);
    boolean bounded = shrinkage.bounded && shrinkage.keepsAll(type, model);
    return bounded && shrinkage.factor <= LIMIT
        ? OptionalInt.of(shrinkage.factor)
        : OptionalInt.empty();
  }

  private void normalize(Node step) {
    switch (StepWriter.type(step)) {
      case "Sequence" -> step.field("normalizers").elements(Limits.IDS).forEach(this::normalize);
      case "NFC", "NFKC" -> times(COMPOSITION);
      case "NFD", "NFKD" -> times(DECOMPOSITION);
      case "Lowercase", "Prepend" -> {}
      case "ByteLevel" -> byteLevel = true;
      case "Replace" -> replace(step);
      default -> bounded = false;
    }
  }

  private void replace(Node step) {
    byteLevel = false;
    int content = step.field("content").text(Limits.AFFIX_LENGTH).length();
    Optional<Node> pattern = step.field("pattern").optional("String");
    if (content == 0 || pattern.isEmpty()) {
      bounded = false;
    } else {
      int length = pattern.get().text(Limits.NAME_LENGTH).length();
      times(Math.max(1, (length + content - 1) / content));
    }
  }

  private void times(int more) {
    factor = Math.min(LIMIT + 1, factor * more);
  }

  private void preTokenize(Node step) {
    switch (StepWriter.type(step)) {
      case "Sequence" ->
          step.field("pretokenizers").elements(Limits.IDS).forEach(this::preTokenize);
      case "ByteLevel" -> byteLevel = true;
      case "Metaspace", "Digits", "UnicodeScripts", "FixedLength" -> {}
      case "Split", "Punctuation" ->
          bounded &= step.optional("behavior").filter(it -> "Removed".equals(it.value())).isEmpty();
      default -> bounded = false;
    }
  }

  /** Returns whether every character of a word is in a token, or is a token of its own. */
  private boolean keepsAll(String type, Node model) {
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

  private static boolean flag(Node model, String name) {
    return model.optional(name).map(Node::flag).orElse(false);
  }

  private boolean hasBytes() {
    for (int b = 0; b < BYTES; b++) {
      if (!vocabulary.test("<0x%02X>".formatted(b))) {
        return false;
      }
    }
    return true;
  }

  /** GPT-2's: printable Latin-1 characters, and U+0100 on for the other 68 bytes. */
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
