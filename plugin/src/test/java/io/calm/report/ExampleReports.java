package io.calm.report;

import io.calm.artifact.ArtifactKey;
import io.calm.cka.Metric;
import io.calm.kernels.BuildInfo;
import io.calm.model.ModelSpec;
import io.calm.search.QuantPlan;
import io.calm.search.SensitivityCell;
import io.calm.search.SensitivityTable;
import io.calm.settings.CalmSettings;
import io.calm.tensor.TableFormat;
import io.calm.testing.ScriptedDecoder;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A plan of two blocks whose mix was rejected, with every measurement. */
final class ExampleReports {
  /** A string that breaks a page that does not escape it. */
  static final String HOSTILE =
      "</title></style><script>alert(1)</script><img src=\"https://evil.example/x\" onload='x'>&amp;\u202e\n\u0000";

  private static final String SETTINGS = "recipe=1\ncalm.group=auto\ncalm.algorithm=search";

  private ExampleReports() {}

  static ArtifactKey key() {
    return new ArtifactKey(List.of("ab".repeat(32), "cd".repeat(32)), SETTINGS, "ef".repeat(32));
  }

  /**
   * Returns a source.
   *
   * @param word a string that a file or a client chose
   */
  static ReportSource source(Path cache, String word) {
    return source(cache, word, Map.of("calm.cache-dir", cache.toString()));
  }

  static ReportSource source(Path cache, String word, Map<String, String> settings) {
    ModelSpec spec = new ScriptedDecoder(64).spec();
    return new ReportSource(
        "model " + word,
        "models/" + word,
        "models/" + word,
        CalmSettings.of(settings, Map.of()),
        key(),
        cache.resolve("artifacts").resolve(key().id()),
        123_456_789,
        Instant.EPOCH,
        spec,
        plan(word));
  }

  static QuantPlan plan(String word) {
    return new QuantPlan(
        List.of(
            new QuantPlan.BlockChoice(
                0,
                "gptq",
                "highest score " + word,
                Map.of("gptq", candidate(0.99917, word), "awq", candidate(0.99831, word))),
            new QuantPlan.BlockChoice(
                1,
                "awq",
                "highest score",
                Map.of("awq", candidate(0.98765, word), "gptq", failed(word)))),
        List.of("gptq", "awq"),
        "uniform-awq",
        "the mix is worse " + word,
        64,
        Metric.CKA_NORMALIZED,
        4,
        17,
        23,
        5,
        777,
        Optional.of(
            new QuantPlan.GuardResult(
                "awq",
                0.08125,
                0.07625,
                0.00125,
                false,
                List.of(new QuantPlan.UniformResult("awq", 0.03125, 0.07625, 0.00125)))),
        new QuantPlan.Head(
            TableFormat.INT8,
            "int4 costs too much " + word,
            Optional.of(
                new QuantPlan.HeadTrialResult(0.015625, 0.031250, 0.0009765625, 0.001953125))),
        new QuantPlan.Calibration(word + ".txt", 33, 7, 25, 255, 11, List.of()),
        345.678,
        Optional.empty());
  }

  private static QuantPlan.Candidate candidate(double score, String word) {
    return new QuantPlan.Candidate(
        score,
        score,
        0.001234,
        0.002345,
        1.5,
        Optional.empty(),
        Map.of("q warning", "few " + word));
  }

  private static QuantPlan.Candidate failed(String word) {
    return new QuantPlan.Candidate(
        Double.NaN, Double.NaN, Double.NaN, Double.NaN, 0.25, Optional.of(word), Map.of());
  }

  /** Returns the scores of a precision. */
  static Measurement text(String word, String variant, Map<String, MeasuredValue> values) {
    return new Measurement(
        Measurement.TEXT,
        word + ".txt",
        "12".repeat(32),
        24,
        512,
        12_264,
        variant,
        variant,
        variant.equals("reference") ? Optional.empty() : Optional.of("float16"),
        values,
        "2026-11-28T01:02:03Z",
        new BuildInfo("1.2.3", Optional.of("34".repeat(20))));
  }

  static Measurement task(String word, String variant) {
    return new Measurement(
        Measurement.TASK,
        word,
        "56".repeat(32),
        99,
        0,
        0,
        variant,
        variant,
        Optional.of("float16"),
        Map.of(
            "acc",
            new MeasuredValue(0.4375, 0.03125),
            "acc_norm",
            new MeasuredValue(0.5625, Double.NaN)),
        "2026-11-28T01:02:03Z",
        new BuildInfo("1.2.3", Optional.empty()));
  }

  static SensitivityTable sensitivity(String word) {
    return new SensitivityTable(
        List.of(0, 1),
        List.of("gptq", "awq"),
        Map.of(word, 2),
        64,
        List.of(
            cell(0, "gptq", word, 0.0625),
            cell(0, "awq", word, 0.125),
            cell(1, "gptq", word, 0.25),
            cell(1, "awq", word, 0.5)));
  }

  private static SensitivityCell cell(int block, String algorithm, String text, double kl) {
    return new SensitivityCell(
        block,
        algorithm,
        Optional.empty(),
        Map.of("cka", 0.5),
        Map.of(text, List.of(kl, 2 * kl)),
        1);
  }

  /** Fills a cache with measurements of every kind. */
  static void measure(Path cache, String word) {
    Measurements kept = new Measurements(cache);
    kept.keep(
        key(),
        text(
            word,
            "uniform-awq",
            Map.of(
                "perplexity", new MeasuredValue(34.5625, 2.4375),
                "nll", new MeasuredValue(3.5390625, 0.0703125),
                "kl", new MeasuredValue(0.0859375, 0.0048828125),
                "top_one_agreement", new MeasuredValue(0.8515625, 0.01171875))));
    kept.keepReference(
        key(), text(word, "reference", Map.of("perplexity", new MeasuredValue(32.375, 2.25))));
    kept.keep(
        Measurements.uniform(key(), "gptq"),
        text(word, "uniform-gptq", Map.of("perplexity", new MeasuredValue(36.125, 2.75))));
    kept.keep(key(), task(word, "uniform-awq"));
    kept.keep(key(), 64, sensitivity(word));
  }
}
