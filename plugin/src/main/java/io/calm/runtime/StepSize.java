package io.calm.runtime;

/**
 * The size of the largest expected step. A decoder allocates its buffers for it before the first KV
 * block.
 *
 * @param rows number of tokens of all chunks
 * @param chunks number of chunks
 * @param logits number of rows with logits
 */
public record StepSize(int rows, int chunks, int logits) {
  /** An unknown size: buffers grow with the steps. */
  public static final StepSize UNKNOWN = new StepSize(0, 0, 0);

  public StepSize {
    if (rows < 0 || chunks < 0 || logits < 0) {
      throw new IllegalArgumentException(
          "step: expected no negative size, got %d rows, %d chunks, %d logits"
              .formatted(rows, chunks, logits));
    }
  }
}
