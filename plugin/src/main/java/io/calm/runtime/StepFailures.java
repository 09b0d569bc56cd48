package io.calm.runtime;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/** Turns rows that are not finite into a {@link StepFailedException}. */
final class StepFailures {
  private StepFailures() {}

  /**
   * Fails the chunks of the rows that are not finite, if there are any.
   *
   * @param finite for each row
   * @param where block and linear
   */
  static void check(boolean[] finite, List<Row> rows, Supplier<String> where) {
    Set<Integer> failed = new HashSet<>();
    for (int row = 0; row < finite.length; row++) {
      if (!finite[row]) {
        failed.add(rows.get(row).chunk());
      }
    }
    if (!failed.isEmpty()) {
      throw new StepFailedException(
          "%s: expected finite numbers, got NaN or infinity in %d sequence%s; end %s, the others can go on"
              .formatted(
                  where.get(),
                  failed.size(),
                  failed.size() == 1 ? "" : "s",
                  failed.size() == 1 ? "it" : "them"),
          failed);
    }
  }
}
