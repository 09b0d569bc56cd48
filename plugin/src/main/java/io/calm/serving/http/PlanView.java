package io.calm.serving.http;

import static io.calm.serving.http.ModelJson.addNumber;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.calm.compare.LatencyJson;
import io.calm.kernels.BuildInfo;
import io.calm.search.QuantPlan;
import java.util.Map;
import java.util.Optional;

/** A plan as JSON for readers: everything but the calibration's token ids. */
final class PlanView {
  private static final BuildInfo UNKNOWN = new BuildInfo("unknown", Optional.empty());

  private PlanView() {}

  static JsonObject of(QuantPlan plan) {
    JsonObject object = new JsonObject();
    object.addProperty("served", plan.served());
    object.addProperty("reason", plan.reason());
    object.add("pool", names(plan));
    object.addProperty("group", plan.group());
    object.addProperty("metric", plan.metric().setting());
    object.addProperty("evaluations", plan.evaluations());
    object.addProperty("collection_forwards", plan.collectionForwards());
    object.addProperty("guard_forwards", plan.guardForwards());
    object.addProperty("sink_rows", plan.sinkRows());
    object.addProperty("scored_rows", plan.scoredRows());
    addNumber(object, "seconds", plan.seconds());
    object.add("made_by", madeBy(plan));
    plan.guard().ifPresent(guard -> object.add("guard", guard(guard)));
    object.add("lm_head", head(plan.head()));
    object.add("calibration", calibration(plan.calibration()));
    JsonArray blocks = new JsonArray();
    plan.blocks().forEach(block -> blocks.add(block(block)));
    object.add("blocks", blocks);
    return object;
  }

  /**
   * Returns version, commit and machine that made a plan; unknown if an earlier version made it.
   */
  static JsonObject madeBy(QuantPlan plan) {
    JsonObject object =
        LatencyJson.build(plan.madeBy().map(QuantPlan.MadeBy::build).orElse(UNKNOWN));
    object.add(
        "machine",
        plan.madeBy()
            .<JsonElement>map(maker -> LatencyJson.machine(maker.machine()))
            .orElse(JsonNull.INSTANCE));
    return object;
  }

  private static JsonArray names(QuantPlan plan) {
    JsonArray names = new JsonArray();
    plan.pool().forEach(names::add);
    return names;
  }

  private static JsonObject guard(QuantPlan.GuardResult guard) {
    JsonObject object = new JsonObject();
    object.addProperty("uniform", guard.uniform());
    addNumber(object, "mix_kl", guard.mixKl());
    addNumber(object, "uniform_kl", guard.uniformKl());
    addNumber(object, "paired_standard_error", guard.pairedStandardError());
    object.addProperty("mix_served", guard.mixServed());
    JsonArray uniforms = new JsonArray();
    guard.uniforms().forEach(uniform -> uniforms.add(uniform(uniform)));
    object.add("uniforms", uniforms);
    return object;
  }

  private static JsonObject uniform(QuantPlan.UniformResult uniform) {
    JsonObject object = new JsonObject();
    object.addProperty("algorithm", uniform.algorithm());
    addNumber(object, "block_errors", uniform.blockErrors());
    addNumber(object, "kl", uniform.kl());
    addNumber(object, "paired_standard_error", uniform.pairedStandardError());
    return object;
  }

  private static JsonObject head(QuantPlan.Head head) {
    JsonObject object = new JsonObject();
    object.addProperty("format", head.format().setting());
    object.addProperty("reason", head.reason());
    head.trial()
        .ifPresent(
            trial -> {
              addNumber(object, "int8_kl", trial.int8Kl());
              addNumber(object, "int4_kl", trial.int4Kl());
              addNumber(object, "paired_standard_error", trial.pairedStandardError());
              addNumber(object, "bound", trial.bound());
            });
    return object;
  }

  private static JsonObject calibration(QuantPlan.Calibration calibration) {
    JsonObject object = new JsonObject();
    object.addProperty("source", calibration.source());
    object.addProperty("fit", calibration.fit());
    object.addProperty("score", calibration.score());
    object.addProperty("guard", calibration.guard());
    object.addProperty("length", calibration.length());
    object.addProperty("seed", calibration.seed());
    return object;
  }

  private static JsonObject block(QuantPlan.BlockChoice choice) {
    JsonObject object = new JsonObject();
    object.addProperty("block", choice.block());
    object.addProperty("algorithm", choice.algorithm());
    object.addProperty("reason", choice.reason());
    object.add("candidates", candidates(choice.candidates()));
    choice
        .parts()
        .ifPresent(
            parts -> {
              JsonArray array = new JsonArray();
              parts.choices().forEach(part -> array.add(part(part)));
              object.add("parts", array);
              object.add("result", candidate(parts.whole()));
            });
    return object;
  }

  private static JsonObject part(QuantPlan.PartChoice choice) {
    JsonObject object = new JsonObject();
    object.addProperty("part", choice.part());
    object.addProperty("algorithm", choice.algorithm());
    object.addProperty("reason", choice.reason());
    object.add("candidates", candidates(choice.candidates()));
    return object;
  }

  private static JsonObject candidates(Map<String, QuantPlan.Candidate> candidates) {
    JsonObject object = new JsonObject();
    candidates.forEach((name, candidate) -> object.add(name, candidate(candidate)));
    return object;
  }

  private static JsonObject candidate(QuantPlan.Candidate candidate) {
    JsonObject object = new JsonObject();
    addNumber(object, "score", candidate.score());
    addNumber(object, "biased_score", candidate.biasedScore());
    addNumber(object, "relative_mse", candidate.relativeMse());
    addNumber(object, "normalized_mse", candidate.normalizedMse());
    addNumber(object, "seconds", candidate.seconds());
    candidate.failure().ifPresent(failure -> object.addProperty("failure", failure));
    JsonObject detail = new JsonObject();
    candidate.detail().forEach(detail::addProperty);
    object.add("detail", detail);
    return object;
  }
}
