package io.calm.runtime;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/** Makes the {@link StepFailedException} of rows that are not finite. */
public final class StepFailures {
  private StepFailures() {}

  /**
   * Checks the rows of an operation.
   *
   * @param finite whether each row is finite
   * @param where the decoder block and linear, for the message
   * @throws StepFailedException if a row is not finite; names the chunks of all such rows
   */
  static void check(boolean[] finite, List<StepRow> rows, Supplier<String> where) {
    Set<Integer> failed = new HashSet<>();
    for (int row = 0; row < finite.length; row++) {
      if (!finite[row]) {
        failed.add(rows.get(row).chunk());
      }
    }
    if (!failed.isEmpty()) {
      throw failure(where.get(), failed);
    }
  }

  /**
   * Returns the failure of a step.
   *
   * @param where the decoder block and linear
   * @param failed indexes of the chunks with rows that are not finite
   */
  public static StepFailedException failure(String where, Set<Integer> failed) {
    return new StepFailedException(
        ("%s: expected finite numbers, got NaN or infinity in %d sequence%s; if every prompt fails,"
                + " the model's weights are damaged or too large")
            .formatted(where, failed.size(), failed.size() == 1 ? "" : "s"),
        failed);
  }
}
