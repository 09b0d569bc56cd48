package io.calm.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.cli.eval.JsonNumber;
import io.calm.search.MetricAgreement;
import io.calm.search.SensitivityCell;
import io.calm.search.SensitivityTable;

/**
 * Writes a sensitivity table as JSON. Divergences are in nats per token; a number that JSON does
 * not have is null.
 */
final class SensitivityJson {
  private static final Gson GSON =
      new GsonBuilder().setPrettyPrinting().serializeNulls().disableHtmlEscaping().create();

  private SensitivityJson() {}

  static String write(SensitivityTable table) {
    JsonObject object = new JsonObject();
    object.add("blocks", GSON.toJsonTree(table.blocks()));
    object.add("pool", GSON.toJsonTree(table.pool()));
    object.addProperty("length", table.length());
    object.add("windows", GSON.toJsonTree(table.texts()));
    JsonArray cells = new JsonArray();
    table.cells().forEach(cell -> cells.add(cell(table, cell)));
    object.add("cells", cells);
    JsonObject summaries = new JsonObject();
    for (String text : table.textNames()) {
      JsonArray summary = new JsonArray();
      table.summary(text).forEach(choices -> summary.add(choices(choices)));
      summaries.add(text, summary);
    }
    object.add("summary", summaries);
    JsonObject metrics = new JsonObject();
    for (String text : table.textNames()) {
      JsonArray agreements = new JsonArray();
      table.agreements(text).forEach(agreement -> agreements.add(agreement(agreement)));
      metrics.add(text, agreements);
    }
    object.add("metrics", metrics);
    return GSON.toJson(object) + "\n";
  }

  private static JsonObject cell(SensitivityTable table, SensitivityCell cell) {
    JsonObject object = new JsonObject();
    object.addProperty("block", cell.block());
    object.addProperty("algorithm", cell.algorithm());
    object.add("seconds", JsonNumber.of(cell.seconds()));
    if (cell.failure().isPresent()) {
      object.addProperty("failure", cell.failure().get());
      return object;
    }
    JsonObject scores = new JsonObject();
    cell.scores().forEach((metric, score) -> scores.add(metric, JsonNumber.of(score)));
    object.add("scores", scores);
    JsonObject kl = new JsonObject();
    cell.kl()
        .forEach(
            (text, windows) -> {
              JsonObject estimate = estimate(table.kl(cell, text));
              JsonArray all = new JsonArray();
              windows.forEach(value -> all.add(JsonNumber.of(value)));
              estimate.add("windows", all);
              kl.add(text, estimate);
            });
    object.add("kl", kl);
    return object;
  }

  private static JsonObject choices(SensitivityTable.Choices choices) {
    JsonObject object = new JsonObject();
    object.addProperty("choice", choices.name());
    object.add("kl", estimate(choices.sum()));
    object.add("over_perfect", estimate(choices.overPerfect()));
    object.add("over_best_uniform", estimate(choices.overUniform()));
    object.add("blocks", GSON.toJsonTree(choices.chosen()));
    return object;
  }

  private static JsonObject agreement(MetricAgreement agreement) {
    JsonObject object = new JsonObject();
    object.addProperty("metric", agreement.metric().setting());
    object.addProperty("pairs", agreement.pairs());
    object.addProperty("right", agreement.right());
    object.add("kl_lost", JsonNumber.of(agreement.lost()));
    object.add("correlation", JsonNumber.of(agreement.correlation()));
    return object;
  }

  private static JsonObject estimate(SensitivityTable.Estimate estimate) {
    JsonObject object = new JsonObject();
    object.add("mean", JsonNumber.of(estimate.mean()));
    object.add("standard_error", JsonNumber.of(estimate.standardError()));
    return object;
  }
}
