package io.calm.cli;

import io.calm.cli.models.ModelSource;
import io.calm.cli.models.PipDownload;
import io.calm.cli.models.RecipeFetcher;
import io.calm.settings.CalmSettings;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Parameters;

/** The argument MODEL of every command that works on one. */
final class ModelArgument {
  /** System property that the start script sets: the project's directory. */
  static final String HOME = "calm.home";

  private static final Duration DOWNLOAD_LIMIT = Duration.ofMinutes(15);

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description =
          "A Hugging Face directory, a .gguf file, or a directory with a recipe."
              + " The default is models/smollm2-135m-instruct, which is fetched at its first use.")
  private @Nullable Path path;

  /**
   * Returns the model, after its download where it comes by recipe.
   *
   * @param console told what takes time
   * @throws io.calm.cli.models.RecipeException if it is not to be had
   */
  ModelSource resolve(PrintWriter console) throws InterruptedException {
    return resolve(Optional.ofNullable(path).orElseGet(ModelArgument::ofDefault), console);
  }

  /** Returns where the default model's recipe lies. */
  static Path ofDefault() {
    return Path.of(System.getProperty(HOME, "")).resolve(ModelSource.DEFAULT);
  }

  /** The same for a path that was given otherwise. */
  static ModelSource resolve(Path chosen, PrintWriter console) throws InterruptedException {
    return ModelSource.resolve(
        chosen,
        () ->
            new RecipeFetcher(
                CalmSettings.defaults().loading().cacheDir(),
                PipDownload.onPath(DOWNLOAD_LIMIT),
                line -> {
                  console.println("calm: " + line);
                  console.flush();
                }));
  }
}
