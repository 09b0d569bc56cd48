package io.calm.cli.models;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;

/**
 * A model as named by the user.
 *
 * @param name its name when served
 * @param checkpoint a Hugging Face directory or a GGUF file
 * @param properties the path beside which {@code model.properties} and {@code serving.properties}
 *     are read: the recipe's directory if there is one, else {@code checkpoint}
 */
public record ModelSource(String name, Path checkpoint, Path properties) {
  /** Directory of the default model's recipe, below the project's. */
  public static final Path DEFAULT = Path.of("models", "smollm2-135m-instruct");

  /**
   * Finds the model at {@code path}. A model with a recipe is fetched by {@code fetcher}, which is
   * created on demand.
   *
   * @throws RecipeException if the path does not exist or the recipe fails
   * @throws InterruptedException if the thread is interrupted
   */
  public static ModelSource resolve(Path path, Supplier<RecipeFetcher> fetcher)
      throws InterruptedException {
    if (Files.isDirectory(path) && ModelRecipe.isRecipe(path)) {
      ModelRecipe recipe = ModelRecipe.read(path);
      return new ModelSource(recipe.name(), fetcher.get().fetch(recipe), path);
    }
    if (!Files.exists(path)) {
      throw new RecipeException(
          "%s: no such file or directory: expected a Hugging Face model directory, a .gguf file or "
                  .formatted(path)
              + "a directory with a download recipe, such as models/smollm2-135m-instruct");
    }
    return new ModelSource(servedName(path), path, path);
  }

  /** Returns the last part of the path without {@code .gguf}, in characters allowed in a URL. */
  private static String servedName(Path path) {
    Path absolute = path.toAbsolutePath().normalize();
    Path last = absolute.getFileName();
    String name = last == null ? "model" : last.toString();
    return name.replaceFirst("(?i)\\.gguf$", "").replaceAll("[^A-Za-z0-9._-]", "_");
  }
}
