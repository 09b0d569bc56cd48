package io.calm.serving.openai;

/**
 * Answers to one prompt.
 *
 * @param shown {@code n}
 * @param made {@code best_of}, at least {@code shown}
 */
record Choices(int shown, int made) {

  /** Returns whether the likeliest are chosen. */
  boolean ranked() {
    return made > shown;
  }
}
