package io.calm.cli;

import io.calm.cli.models.ModelSource;
import io.calm.cli.models.PipDownload;
import io.calm.cli.models.RecipeFetcher;
import io.calm.settings.CalmSettings;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Parameters;

/** The argument MODEL, shared by all commands that work on a model. */
public final class ModelArgument {
  /** System property with the project's directory, set by the start script. */
  public static final String HOME = "calm.home";

  /** Of a download that makes no progress; a slow one may take hours. */
  private static final Duration DOWNLOAD_LIMIT = Duration.ofMinutes(15);

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description =
          "A Hugging Face directory, a .gguf file, or a directory with a download recipe, such as"
              + " models/smollm2-135m-instruct (the default).")
  private @Nullable Path path;

  /**
   * Returns the model. A model with a recipe is downloaded first.
   *
   * @param console receives progress messages
   * @throws io.calm.cli.models.RecipeException if the model is not available
   */
  ModelSource resolve(PrintWriter console) throws InterruptedException {
    return resolve(Optional.ofNullable(path).orElseGet(ModelArgument::ofDefault), console);
  }

  /** Returns the model as it was given; empty text for the default model. */
  String text() {
    return path == null ? "" : path.toString();
  }

  /** Returns the directory of the default model's recipe. */
  static Path ofDefault() {
    return Path.of(System.getProperty(HOME, "")).resolve(ModelSource.DEFAULT);
  }

  /** Returns the model at {@code chosen}. */
  static ModelSource resolve(Path chosen, PrintWriter console) throws InterruptedException {
    Consumer<String> lines =
        line -> {
          console.println("calm: " + line);
          console.flush();
        };
    return ModelSource.resolve(
        chosen,
        () ->
            new RecipeFetcher(
                CalmSettings.defaults().loading().cacheDir(),
                PipDownload.onPath(DOWNLOAD_LIMIT, lines),
                lines));
  }
}
