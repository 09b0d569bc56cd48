package io.calm.loadtest.client;

/**
 * A request for one greedy answer.
 *
 * @param ignoreEos whether the answer has exactly {@code maxTokens}
 */
public record Ask(String prompt, int maxTokens, boolean ignoreEos) {
  public Ask {
    if (prompt.isEmpty() || maxTokens < 1) {
      throw new IllegalArgumentException(
          "expected a prompt and at least 1 token, got '%s' and %d".formatted(prompt, maxTokens));
    }
  }
}
