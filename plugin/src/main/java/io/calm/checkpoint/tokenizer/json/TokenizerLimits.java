package io.calm.checkpoint.tokenizer.json;

/**
 * Size limits for a tokenizer. They bound memory, and the recursion and quadratic loops of the
 * native library. Tokenizers of real models are far below them.
 */
public final class TokenizerLimits {
  /** Maximum size of a {@code tokenizer.json} in bytes. */
  public static final long FILE_BYTES = 256L << 20;

  /** Exclusive upper bound of token ids. */
  public static final int IDS = 1 << 24;

  /**
   * Maximum number of added tokens; the library compares each with all others. Speech models have
   * 65,536 and more.
   */
  public static final int ADDED_TOKENS = 3 << 15;

  /** Maximum UTF-16 units of an added token, which becomes a path in an automaton. */
  public static final int ADDED_TOKEN_LENGTH = 512;

  /** Maximum UTF-16 units of any other token. */
  public static final int TOKEN_LENGTH = 8192;

  /** Maximum UTF-16 units of a Unigram piece; the library frees its trie recursively. */
  static final int PIECE_LENGTH = 256;

  /** Maximum nesting depth of JSON values. */
  static final int JSON_DEPTH = 32;

  /** Maximum number of JSON values outside the model. */
  static final int JSON_VALUES = 1 << 20;

  /** Maximum number of steps of one kind, including those in nested sequences. */
  static final int STEPS = 64;

  /** Maximum nesting depth of sequences. */
  static final int STEP_DEPTH = 8;

  /** Maximum UTF-16 units of a string that is added to words or replaces a part of them. */
  static final int AFFIX_LENGTH = 64;

  /** Maximum UTF-16 units of a name, and of a pattern that is a plain string. */
  static final int NAME_LENGTH = 512;

  /** Maximum UTF-16 units of a regular expression. */
  static final int REGEX_LENGTH = 4096;

  /** Maximum UTF-16 units of all regular expressions together. */
  static final int REGEX_TOTAL = 1 << 14;

  /** Maximum factor by which normalizers and pre-tokenizers together may lengthen a text. */
  static final int GROWTH = 256;

  /** Maximum characters of a word that WordPiece splits; the work is cubic. */
  static final int WORD_LENGTH = 1024;

  /** Maximum number of pieces of a post-processor's template, and of ids of a special token. */
  static final int TEMPLATE_LENGTH = 64;

  private TokenizerLimits() {}
}
