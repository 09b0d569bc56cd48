package io.calm.generate;

import java.util.Arrays;

/**
 * An index of the n-grams of one growing sequence, for prompt lookup decoding. It finds where the
 * sequence's current ending occurred before; the token after that occurrence is the prediction of
 * the next one.
 *
 * <p>The longest ending of up to {@value #MAX} tokens counts, in its most recent occurrence. An
 * occurrence that matches {@value #MAX} tokens or more is kept as long as its predictions are
 * right, so a long copy stays with its source. Two rules follow text that is copied with changes,
 * which keeps its order. Unless the last prediction was right:
 *
 * <ul>
 *   <li>An occurrence in the {@value #WINDOW} tokens after the source of the last copy counts more
 *       if it matches as many of the last {@value #MAX} tokens.
 *   <li>If a copy has just broken off and nothing matches, one of its tokens was probably replaced:
 *       the prediction is that it continues after that token, with a match of 0 tokens.
 * </ul>
 *
 * <p>Adding a token takes amortized constant time: one hash table per length maps an n-gram to its
 * last position. A collision forgets the older n-gram; every hit is compared with the tokens. Not
 * thread safe.
 */
final class NgramIndex {
  static final int MAX = 4;

  /** Maximum length of a match that is told apart from longer ones. */
  static final int MAX_MATCH = 16;

  /** Tokens after the source of the last copy in which it may continue. */
  static final int WINDOW = 40;

  private static final int NONE = -1;
  private static final int MIN_SLOTS = 256;

  /** For each length from 1, by hash: the position after the n-gram's last token; 0 for none. */
  private final int[][] ends = new int[MAX][0];

  private int size;
  private int next = NONE;
  private int matched;

  /** The last {@link #next} that followed a match. */
  private int source = NONE;

  /** Returns the number of tokens added. */
  int size() {
    return size;
  }

  /** Returns whether there is a prediction. */
  boolean found() {
    return next != NONE;
  }

  /** Returns the position of the predicted token, less than {@link #size}. */
  int next() {
    return next;
  }

  /**
   * Returns how many tokens before the prediction match the ending, at most {@link #MAX_MATCH}; 0
   * if the last token is assumed to replace the one before the prediction.
   */
  int matched() {
    return matched;
  }

  /**
   * Adds the token at position {@link #size}.
   *
   * @param tokens the sequence; its earlier tokens have not changed
   */
  void add(int[] tokens) {
    if (2 * (size + 1) > ends[0].length) {
      grow(tokens);
    }
    boolean copying = matched > 0;
    boolean right = found() && tokens[next] == tokens[size];
    size++;
    next = right ? next + 1 : NONE;
    matched = right ? Math.min(matched + 1, MAX_MATCH) : 0;
    lookUp(tokens);
    if (!right && source != NONE) {
      resume(tokens);
      if (!found() && copying && source + 1 < size) {
        next = source + 1;
      }
    }
    if (matched > 0) {
      source = next;
    }
  }

  /** Adds the last n-grams, and takes the longest that matches more tokens than the prediction. */
  private void lookUp(int[] tokens) {
    for (int n = Math.min(MAX, size); n >= 1; n--) {
      int[] table = ends[n - 1];
      int slot = slot(tokens, size - 1, n);
      int end = table[slot];
      table[slot] = size;
      if (n > matched && end > 0) {
        int common = commonSuffix(tokens, end, size);
        if (common >= n) {
          next = end;
          matched = common;
        }
      }
    }
  }

  /** Takes the best match after the last copy's source, unless another one is longer. */
  private void resume(int[] tokens) {
    int longest = Math.max(1, Math.min(matched, MAX)) - 1;
    for (int end = source; end < Math.min(source + WINDOW, size); end++) {
      int common = commonSuffix(tokens, end, size);
      if (Math.min(common, MAX) > longest) {
        longest = Math.min(common, MAX);
        next = end;
        matched = common;
      }
    }
  }

  private static int commonSuffix(int[] tokens, int end, int size) {
    int common = 0;
    while (common < Math.min(end, MAX_MATCH)
        && tokens[end - 1 - common] == tokens[size - 1 - common]) {
      common++;
    }
    return common;
  }

  private void grow(int[] tokens) {
    int slots = Math.max(MIN_SLOTS, Integer.highestOneBit(2 * (size + 1)) << 1);
    Arrays.setAll(ends, i -> new int[slots]);
    for (int last = 0; last < size; last++) {
      for (int n = 1; n <= Math.min(MAX, last + 1); n++) {
        ends[n - 1][slot(tokens, last, n)] = last + 1;
      }
    }
  }

  /** Returns the slot of the n-gram whose last token is at {@code last}. */
  private int slot(int[] tokens, int last, int n) {
    int hash = 0;
    for (int i = last - n + 1; i <= last; i++) {
      hash = (hash + tokens[i]) * 0x9E37_79B1;
      hash ^= hash >>> 15;
    }
    return hash & (ends[0].length - 1);
  }
}
