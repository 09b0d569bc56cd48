package io.calm.serving.openai;

/**
 * The number of answers to one prompt.
 *
 * @param shown answers in the reply, {@code n}
 * @param made answers generated, {@code best_of}; at least {@code shown}
 */
record ChoiceCounts(int shown, int made) {

  /** Returns whether only the likeliest answers are shown. */
  boolean ranked() {
    return made > shown;
  }
}
