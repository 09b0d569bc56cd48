package io.calm.cli.eval;

import io.calm.checkpoint.Checkpoint;
import java.nio.file.Path;

/**
 * The questions of a task that are measured, and their tokens.
 *
 * @param task with the measured questions
 * @param available number of questions in the file
 */
public record PreparedTask(Path file, Task task, int available, TaskPrompts prompts) {

  /**
   * Tokenizes the first questions of a task.
   *
   * @param limit maximum number of questions
   * @throws IllegalArgumentException if a question has no tokens to score or does not fit in the
   *     model's context; names file and line
   */
  public static PreparedTask of(Path file, Task whole, int limit, Checkpoint checkpoint) {
    Task task = whole.limit(limit);
    return new PreparedTask(
        file,
        task,
        whole.questions().size(),
        TaskPrompts.of(
            task,
            checkpoint.tokenizer(),
            checkpoint.generationDefaults(),
            checkpoint.spec().maxContext()));
  }
}
