package io.calm.checkpoint;

import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Answers to questions about the contents of files that take long to compute. */
@FunctionalInterface
public interface FileAnswers {
  /** Computes every answer. */
  FileAnswers COMPUTED = (question, files, compute) -> compute.getAsBoolean();

  /**
   * Returns the answer, which may be remembered from files of the same contents.
   *
   * @param question name of the question
   * @param files that the answer depends on
   * @param compute computes the answer from the files
   */
  boolean get(String question, List<Path> files, BooleanSupplier compute);
}
