package io.calm.cli.eval;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.cli.eval.EvalReport.OfTask;
import io.calm.cli.eval.EvalReport.OfText;
import java.util.function.ToDoubleFunction;

/**
 * Writes an {@link EvalReport} as JSON. An estimate is {@code {"mean": M, "standard_error": E}}, in
 * a difference with {@code "verdict"}. A number that JSON does not have is null, such as an error
 * that is not known. Fractions are 0 to 1. The means of each window are there too, for paired
 * differences between runs.
 */
public final class EvalJson {
  private static final Gson GSON =
      new GsonBuilder().setPrettyPrinting().serializeNulls().disableHtmlEscaping().create();

  private final EvalReport report;

  private EvalJson(EvalReport report) {
    this.report = report;
  }

  /** Returns the report as a JSON object that ends with a line feed. */
  public static String of(EvalReport report) {
    return GSON.toJson(new EvalJson(report).object()) + "\n";
  }

  private JsonObject object() {
    JsonObject object = new JsonObject();
    object.addProperty("created", report.header().created());
    object.addProperty("model", report.header().model());
    object.addProperty("settings", report.header().settings());
    object.addProperty("kv_cache", report.header().kvCache().orElse(null));
    JsonArray texts = new JsonArray();
    report.texts().forEach(text -> texts.add(text(text)));
    object.add("texts", texts);
    JsonArray tasks = new JsonArray();
    report.tasks().forEach(task -> tasks.add(task(task)));
    object.add("tasks", tasks);
    return object;
  }

  private JsonObject text(OfText text) {
    JsonObject object = new JsonObject();
    object.addProperty("text", String.valueOf(text.text().getFileName()));
    object.addProperty("text_tokens", text.windows().textTokens());
    object.addProperty("windows", text.windows().windows().size());
    object.addProperty("window_length", text.windows().length());
    object.addProperty("scored_tokens", text.windows().scored());
    object.addProperty("short", text.windows().isShort());
    JsonArray precisions = new JsonArray();
    for (int m = 0; m < text.scores().size(); m++) {
      Perplexity score = text.scores().get(m);
      JsonObject entry = model(m);
      entry.add("tokens_per_second", JsonNumber.of(text.rates().get(m)));
      entry.add("perplexity", estimate(score.perplexity()));
      entry.add("nll", estimate(score.nll()));
      score.kl().ifPresent(kl -> entry.add("kl", estimate(kl)));
      score.agreement().ifPresent(top -> entry.add("top_one_agreement", estimate(top)));
      entry.add("window_nlls", windows(score, BranchScore::meanNll));
      if (score.compared()) {
        entry.add("window_kls", windows(score, BranchScore::meanKl));
        entry.add("window_agreements", windows(score, BranchScore::agreement));
      }
      precisions.add(entry);
    }
    object.add("precisions", precisions);
    JsonArray differences = new JsonArray();
    for (int other = 1; other <= report.against(); other++) {
      Perplexity.Difference difference = text.scores().get(0).minus(text.scores().get(other));
      JsonObject entry = pair(other);
      entry.add("nll", difference(difference.nll(), true));
      entry.add("relative_perplexity", difference(difference.relativePerplexity(), true));
      if (report.hasDivergence(other)) {
        difference.kl().ifPresent(kl -> entry.add("kl", difference(kl, true)));
        difference
            .agreement()
            .ifPresent(top -> entry.add("top_one_agreement", difference(top, false)));
      }
      differences.add(entry);
    }
    object.add("differences", differences);
    return object;
  }

  private static JsonArray windows(Perplexity score, ToDoubleFunction<BranchScore> value) {
    JsonArray values = new JsonArray();
    score.windows().forEach(window -> values.add(JsonNumber.of(value.applyAsDouble(window))));
    return values;
  }

  private JsonObject task(OfTask task) {
    JsonObject object = new JsonObject();
    object.addProperty("task", task.task().name());
    object.addProperty("file", String.valueOf(task.file().getFileName()));
    object.addProperty("questions", task.task().questions().size());
    object.addProperty("questions_in_file", task.questions());
    JsonArray precisions = new JsonArray();
    for (int m = 0; m < task.scores().size(); m++) {
      TaskScore score = task.scores().get(m);
      JsonObject entry = model(m);
      entry.add("questions_per_second", JsonNumber.of(task.rates().get(m)));
      entry.add("acc", estimate(score.accuracy()));
      score.normalized().ifPresent(norm -> entry.add("acc_norm", estimate(norm)));
      score.perplexity().ifPresent(value -> entry.add("perplexity", estimate(value)));
      score.nll().ifPresent(nll -> entry.add("nll", estimate(nll)));
      precisions.add(entry);
    }
    object.add("precisions", precisions);
    JsonArray differences = new JsonArray();
    for (int other = 1; other <= report.against(); other++) {
      TaskScore.Difference difference = task.scores().get(0).minus(task.scores().get(other));
      JsonObject entry = pair(other);
      entry.add("acc", difference(difference.accuracy(), false));
      difference.normalized().ifPresent(norm -> entry.add("acc_norm", difference(norm, false)));
      difference.nll().ifPresent(nll -> entry.add("nll", difference(nll, true)));
      differences.add(entry);
    }
    object.add("differences", differences);
    return object;
  }

  private JsonObject model(int m) {
    JsonObject entry = new JsonObject();
    entry.addProperty("precision", report.models().get(m).name());
    entry.addProperty("served", report.models().get(m).served());
    return entry;
  }

  private JsonObject pair(int other) {
    JsonObject entry = new JsonObject();
    entry.addProperty("precision", report.models().get(0).name());
    entry.addProperty("against", report.models().get(other).name());
    return entry;
  }

  private static JsonObject estimate(Estimate estimate) {
    JsonObject object = new JsonObject();
    object.add("mean", JsonNumber.of(estimate.mean()));
    object.add("standard_error", JsonNumber.of(estimate.standardError()));
    return object;
  }

  private static JsonObject difference(Estimate estimate, boolean lowerIsBetter) {
    JsonObject object = estimate(estimate);
    object.addProperty("verdict", estimate.verdict(lowerIsBetter).toString());
    return object;
  }
}
