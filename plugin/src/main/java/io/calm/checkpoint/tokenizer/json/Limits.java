package io.calm.checkpoint.tokenizer.json;

/**
 * Size limits of a tokenizer. They bound memory, the native library's recursion and its quadratic
 * loops; files of real models stay far below them.
 */
public final class Limits {
  /** Bytes of a {@code tokenizer.json}. */
  public static final long FILE_BYTES = 256L << 20;

  /** Exclusive upper bound of token ids. */
  public static final int IDS = 1 << 24;

  /**
   * Added tokens; the library compares each with all others. Models of speech have 65,536 and more.
   */
  public static final int ADDED_TOKENS = 3 << 15;

  /** UTF-16 units of an added token: it becomes a path of an automaton. */
  public static final int ADDED_TOKEN_LENGTH = 512;

  /** UTF-16 units of any other token. */
  public static final int TOKEN_LENGTH = 8192;

  /** UTF-16 units of a Unigram piece: the library drops its trie recursively. */
  static final int PIECE_LENGTH = 256;

  /** Nested values of a JSON text. */
  static final int JSON_DEPTH = 32;

  /** Values outside the model. */
  static final int JSON_VALUES = 1 << 20;

  /** Components of one kind, those of nested sequences included. */
  static final int STEPS = 64;

  /** Sequences inside sequences. */
  static final int STEP_DEPTH = 8;

  /** UTF-16 units of a string that is added to words or replaces a part of them. */
  static final int AFFIX_LENGTH = 64;

  /** UTF-16 units of a name, and of a pattern that is a plain string. */
  static final int NAME_LENGTH = 512;

  /** UTF-16 units of a regular expression. */
  static final int REGEX_LENGTH = 4096;

  /** Times that normalizers and pre-tokenizers together may lengthen a text. */
  static final int GROWTH = 256;

  /** Characters of a word that WordPiece takes apart; the work is cubic. */
  static final int WORD_LENGTH = 1024;

  /** Special tokens that a post-processor adds for one piece of its template. */
  static final int TEMPLATE_LENGTH = 64;

  private Limits() {}
}
