package io.calm.export;

/** Receives the progress of an export. An exception that it throws ends the export. */
public interface ExportProgress {

  /** A progress that is not shown. */
  ExportProgress NONE = (step, done, total) -> {};

  /**
   * Reports a step before it starts.
   *
   * @param step name of the step, e.g. {@code block}
   * @param done number of parts of the step that are finished
   * @param total number of parts of the step; 1 for a step without parts
   */
  void at(String step, int done, int total);
}
