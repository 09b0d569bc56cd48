package io.calm.report;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactKey;
import io.calm.model.ModelSpec;
import io.calm.search.QuantPlan;
import io.calm.settings.CalmSettings;
import io.calm.text.Urls;
import java.nio.file.Path;
import java.time.Instant;

/**
 * The facts of a quantized model that its report starts from. Holds no weights.
 *
 * @param model name of the model
 * @param url origin of the model, as the operator wrote it
 * @param argument the model as an argument of {@code ./calm}, with options, for commands; may be
 *     empty
 * @param directory directory of the artifact
 * @param sizeInBytes size of the artifact's files
 * @param published time of the artifact's publication
 */
public record ReportSource(
    String model,
    String url,
    String argument,
    CalmSettings settings,
    ArtifactKey key,
    Path directory,
    long sizeInBytes,
    Instant published,
    ModelSpec spec,
    QuantPlan plan) {
  public ReportSource {
    url = Urls.withoutSecrets(url);
    argument = Urls.withoutSecrets(argument);
  }

  /** Returns the source of an open artifact, which may be closed afterwards. */
  public static ReportSource of(
      String model, String url, String argument, CalmSettings settings, Artifact artifact) {
    return new ReportSource(
        model,
        url,
        argument,
        settings,
        artifact.key(),
        artifact.directory(),
        artifact.sizeInBytes(),
        artifact.created(),
        artifact.model().spec(),
        artifact.plan());
  }

  /**
   * Returns the report with the measurements that the cache has now. Reads small files; does not
   * run the model.
   */
  public Report report() {
    return new ReportBuilder(this).build(Instant.now());
  }
}
