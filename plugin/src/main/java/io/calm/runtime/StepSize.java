package io.calm.runtime;

/**
 * What the largest step has, so that its buffers can be there before any page of keys and values.
 *
 * @param rows tokens of all chunks
 * @param chunks sequences
 * @param logits rows whose logits are wanted
 */
public record StepSize(int rows, int chunks, int logits) {
  /** Nothing is known: buffers grow with the steps. */
  public static final StepSize UNKNOWN = new StepSize(0, 0, 0);

  public StepSize {
    if (rows < 0 || chunks < 0 || logits < 0) {
      throw new IllegalArgumentException(
          "step: expected no negative size, got %d rows, %d chunks, %d logits"
              .formatted(rows, chunks, logits));
    }
  }
}
