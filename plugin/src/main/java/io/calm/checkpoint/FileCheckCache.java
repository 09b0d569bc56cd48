package io.calm.checkpoint;

import io.calm.files.FileStamp;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A cache for the results of expensive checks of file contents. */
@FunctionalInterface
public interface FileCheckCache {
  /** No cache: runs every check. */
  FileCheckCache NONE = (check, files, compute) -> compute.getAsBoolean();

  /**
   * Returns the result of a check, possibly from an earlier run on files of the same contents.
   *
   * @param check name of the check
   * @param files the files that the result depends on, as the check reads them
   * @param compute runs the check
   * @throws CheckpointException if a file is no longer the one of its stamp
   */
  boolean get(String check, List<FileStamp> files, BooleanSupplier compute);
}
