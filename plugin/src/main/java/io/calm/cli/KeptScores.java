package io.calm.cli;

import io.calm.artifact.MeasuredFiles;
import io.calm.cli.eval.Estimate;
import io.calm.cli.eval.EvalReport;
import io.calm.cli.eval.Perplexity;
import io.calm.cli.eval.TaskScore;
import io.calm.kernels.BuildInfo;
import io.calm.report.MeasuredValue;
import io.calm.report.Measurement;
import io.calm.report.Measurements;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps the scores of an evaluation in the cache, for the report of the model. */
record KeptScores(EvalReport report) {
  private static final Logger logger = LoggerFactory.getLogger(KeptScores.class);

  /**
   * Keeps the scores of every precision with its artifact, and those of full precision with the
   * model. A file that cannot be read any more is left out.
   *
   * @param places of each model of the report
   */
  void keep(List<Precision.Kept> places) {
    for (EvalReport.OfText text : report.texts()) {
      digest(text.text())
          .ifPresent(
              digest -> {
                for (int m = 0; m < text.scores().size(); m++) {
                  keep(m, places.get(m), ofText(text, m, digest, places.get(m)));
                }
              });
    }
    for (EvalReport.OfTask task : report.tasks()) {
      digest(task.file())
          .ifPresent(
              digest -> {
                for (int m = 0; m < task.scores().size(); m++) {
                  keep(m, places.get(m), ofTask(task, m, digest, places.get(m)));
                }
              });
    }
  }

  private void keep(int model, Precision.Kept place, Measurement measurement) {
    Measurements kept = new Measurements(place.cacheDir());
    if (isReference(model)) {
      kept.keepReference(place.key(), measurement);
    } else {
      kept.keep(place.key(), measurement);
    }
  }

  private boolean isReference(int model) {
    return report.models().get(model).kind() == EvalReport.Kind.REFERENCE;
  }

  private Measurement ofText(
      EvalReport.OfText text, int model, String digest, Precision.Kept place) {
    Perplexity score = text.scores().get(model);
    Map<String, MeasuredValue> values = new LinkedHashMap<>();
    values.put("perplexity", value(score.perplexity()));
    values.put("nll", value(score.nll()));
    if (!isReference(model)) { // its own divergence is 0 by definition
      score.kl().ifPresent(kl -> values.put("kl", value(kl)));
      score.agreement().ifPresent(top -> values.put("top_one_agreement", value(top)));
    }
    return new Measurement(
        Measurement.TEXT,
        String.valueOf(text.text().getFileName()),
        digest,
        text.windows().windows().size(),
        text.windows().length(),
        text.windows().scored(),
        report.models().get(model).name(),
        report.models().get(model).served(),
        place.kvCache(),
        values,
        report.header().created(),
        BuildInfo.current());
  }

  private Measurement ofTask(
      EvalReport.OfTask task, int model, String digest, Precision.Kept place) {
    TaskScore score = task.scores().get(model);
    Map<String, MeasuredValue> values = new LinkedHashMap<>();
    values.put("acc", value(score.accuracy()));
    score.normalized().ifPresent(norm -> values.put("acc_norm", value(norm)));
    score.perplexity().ifPresent(perplexity -> values.put("perplexity", value(perplexity)));
    score.nll().ifPresent(nll -> values.put("nll", value(nll)));
    return new Measurement(
        Measurement.TASK,
        task.task().name(),
        digest,
        task.task().questions().size(),
        0,
        0,
        report.models().get(model).name(),
        report.models().get(model).served(),
        place.kvCache(),
        values,
        report.header().created(),
        BuildInfo.current());
  }

  private static MeasuredValue value(Estimate estimate) {
    return new MeasuredValue(estimate.mean(), estimate.standardError());
  }

  private static Optional<String> digest(Path file) {
    try {
      return Optional.of(MeasuredFiles.digest(file));
    } catch (IOException e) {
      logger.warn("{}: its scores are not kept for the report: {}", file, e.toString());
      return Optional.empty();
    }
  }
}
