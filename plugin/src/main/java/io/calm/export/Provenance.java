package io.calm.export;

import io.calm.artifact.ArtifactKey;
import io.calm.artifact.PlanJson;
import io.calm.search.QuantPlan;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The origin of exported weights: plan, hashes and settings.
 *
 * @param values values by key; every key starts with {@code calm.}
 * @param planJson the plan with every score, as the artifact stores it
 */
public record Provenance(Map<String, String> values, String planJson) {

  public Provenance {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  static Provenance of(ExportedModel model) {
    QuantPlan plan = model.plan();
    ArtifactKey key = model.key();
    Map<String, String> values = new LinkedHashMap<>();
    String version = Provenance.class.getPackage().getImplementationVersion();
    values.put("calm.version", version == null ? "of a build directory" : version);
    values.put("calm.served", plan.served());
    values.put("calm.reason", plan.reason());
    values.put("calm.blocks", String.join(",", algorithms(plan)));
    values.put("calm.group", Integer.toString(plan.group()));
    values.put("calm.lm_head", plan.head().format().setting());
    values.put("calm.artifact", key.id());
    values.put("calm.model_sha256", String.join(",", key.modelDigests()));
    values.put("calm.settings", key.settings());
    values.put("calm.calibration", key.calibration());
    return new Provenance(values, PlanJson.write(withoutTokens(plan)));
  }

  /** Returns the algorithm that serves each block. */
  private static List<String> algorithms(QuantPlan plan) {
    return plan.blocks().stream()
        .map(
            block ->
                plan.guard()
                    .filter(guard -> !guard.mixServed())
                    .map(QuantPlan.GuardResult::uniform)
                    .orElse(block.algorithm()))
        .collect(Collectors.toList());
  }

  /**
   * Returns the plan without the tokens that the model sampled, which are large, and without the
   * machine that made it, which is not for everyone that gets the export.
   */
  private static QuantPlan withoutTokens(QuantPlan plan) {
    QuantPlan.Calibration from = plan.calibration();
    return new QuantPlan(
        plan.blocks(),
        plan.pool(),
        plan.served(),
        plan.reason(),
        plan.group(),
        plan.metric(),
        plan.evaluations(),
        plan.collectionForwards(),
        plan.guardForwards(),
        plan.sinkRows(),
        plan.scoredRows(),
        plan.guard(),
        plan.head(),
        new QuantPlan.Calibration(
            from.source(),
            from.fit(),
            from.score(),
            from.guard(),
            from.length(),
            from.seed(),
            List.of()),
        plan.seconds(),
        Optional.empty());
  }
}
