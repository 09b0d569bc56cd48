package io.calm.cli.eval;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * The results of an evaluation, as tables and as JSON.
 *
 * @param header what was measured and how
 * @param models the measured models; the first one is compared with the next {@code against}
 * @param against number of models that the first one is compared with
 * @param texts results of texts
 * @param tasks results of tasks
 */
public record EvalReport(
    Header header, List<Model> models, int against, List<OfText> texts, List<OfTask> tasks) {

  /**
   * Model, settings and time of a measurement.
   *
   * @param model name of the model
   * @param settings the options {@code -s}
   * @param kvCache the format of keys and values, if it was named
   * @param created date and time in UTC, ISO 8601
   */
  public record Header(String model, String settings, Optional<String> kvCache, String created) {}

  /** The kinds of precisions. */
  public enum Kind {
    /** Full precision. */
    REFERENCE,
    /** The plan that a search chose. */
    SEARCHED,
    /** One algorithm for all blocks. */
    UNIFORM
  }

  /**
   * A model in some precision.
   *
   * @param name value of {@code --precision}
   * @param kind its kind
   * @param served the plan that is served: another one if the guard rejected the mix
   */
  public record Model(String name, Kind kind, String served) {}

  /**
   * The scores of a text.
   *
   * @param scores of each model
   * @param rates scored tokens per second of each model
   */
  public record OfText(
      Path text, TextWindows windows, List<Perplexity> scores, List<Double> rates) {
    public OfText {
      scores = List.copyOf(scores);
      rates = List.copyOf(rates);
    }
  }

  /**
   * The scores of a task.
   *
   * @param questions number of questions in the file
   * @param scores of each model
   * @param rates questions per second of each model
   */
  public record OfTask(
      Path file, Task task, int questions, List<TaskScore> scores, List<Double> rates) {
    public OfTask {
      scores = List.copyOf(scores);
      rates = List.copyOf(rates);
    }
  }

  public EvalReport {
    models = List.copyOf(models);
    texts = List.copyOf(texts);
    tasks = List.copyOf(tasks);
  }

  /** Returns the tables, line by line. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    for (Model model : models) {
      if (model.kind() == Kind.SEARCHED && !model.served().equals("calm")) {
        lines.add("%s serves the plan %s".formatted(model.name(), model.served()));
      }
    }
    if (!texts.isEmpty()) {
      lines.addAll(textTable().lines());
      texts.stream().map(EvalReport::remark).flatMap(Optional::stream).forEach(lines::add);
    }
    if (!tasks.isEmpty()) {
      lines.addAll(taskTable().lines());
    }
    if (against > 0) {
      lines.add("");
      if (!texts.isEmpty()) {
        lines.addAll(textDifferences().lines());
      }
      if (!tasks.isEmpty()) {
        lines.addAll(taskDifferences().lines());
      }
      lines.add(
          "Paired differences, one per window or question; better and worse: beyond two standard"
              + " errors.");
    }
    return lines;
  }

  private boolean compared() {
    return texts.stream().anyMatch(text -> text.scores().get(0).compared());
  }

  /** Returns the index of the full-precision model, whose divergence is 0 by definition. */
  OptionalInt reference() {
    return reference(models);
  }

  /** Returns the index of the full-precision model among {@code models}. */
  public static OptionalInt reference(List<Model> models) {
    return IntStream.range(0, models.size())
        .filter(m -> models.get(m).kind() == Kind.REFERENCE)
        .findFirst();
  }

  private TextTable textTable() {
    TextTable table = new TextTable();
    table.add("text", "precision", "windows", "tokens", "perplexity", "NLL, nats/token");
    if (compared()) {
      table.append("KL, millinats/token", "top-1 agreement, %");
    }
    table.append("tokens/s");
    for (OfText text : texts) {
      for (int m = 0; m < models.size(); m++) {
        Perplexity score = text.scores().get(m);
        table.add(
            String.valueOf(text.text().getFileName()),
            models.get(m).name(),
            "%d x %d".formatted(text.windows().windows().size(), text.windows().length()),
            Long.toString(score.tokens()),
            value("%.3f", score.perplexity()),
            value("%.5f", score.nll()));
        score.kl().ifPresent(kl -> table.append(value("%.3f", kl.times(1000))));
        score.agreement().ifPresent(top -> table.append(value("%.2f", top.times(100))));
        table.append(String.format(Locale.ROOT, "%.0f", text.rates().get(m)));
      }
    }
    return table;
  }

  private static Optional<String> remark(OfText text) {
    TextWindows cut = text.windows();
    if (!cut.isShort()) {
      return Optional.empty();
    }
    return Optional.of(
        "%s is short: it has %d tokens, of which %d were scored, not %d."
            .formatted(
                text.text().getFileName(),
                cut.textTokens(),
                cut.scored(),
                TextWindows.DEFAULT_TOKENS));
  }

  private TextTable textDifferences() {
    TextTable table = new TextTable();
    table.add("text", "difference", "perplexity, %", "NLL, nats/token", "");
    if (compared()) {
      table.append("KL, millinats/token", "", "top-1 agreement, %", "");
    }
    for (OfText text : texts) {
      for (int other = 1; other <= against; other++) {
        Perplexity.Difference difference = text.scores().get(0).minus(text.scores().get(other));
        table.add(
            String.valueOf(text.text().getFileName()),
            pair(other),
            value("%+.3f", difference.relativePerplexity().times(100)),
            value("%+.5f", difference.nll()),
            difference.nll().verdict(true).toString());
        if (hasDivergence(other)) {
          difference
              .kl()
              .ifPresent(
                  kl -> table.append(value("%+.3f", kl.times(1000)), kl.verdict(true).toString()));
          difference
              .agreement()
              .ifPresent(
                  top ->
                      table.append(value("%+.2f", top.times(100)), top.verdict(false).toString()));
        }
      }
    }
    return table;
  }

  /** Returns whether neither model of a pair is the full-precision one. */
  boolean hasDivergence(int other) {
    return reference().stream().noneMatch(m -> m == 0 || m == other);
  }

  private TextTable taskTable() {
    TextTable table = new TextTable();
    table.add(
        "task", "precision", "questions", "acc, %", "acc_norm, %", "perplexity", "questions/s");
    for (OfTask task : tasks) {
      for (int m = 0; m < models.size(); m++) {
        if (m >= task.scores().size()) {
          continue;
        }
        TaskScore score = task.scores().get(m);
        table.add(
            task.task().name(),
            models.get(m).name(),
            task.task().questions().size() + " of " + task.questions(),
            value("%.2f", score.accuracy().times(100)),
            score.normalized().map(norm -> value("%.2f", norm.times(100))).orElse("-"),
            score.perplexity().map(ppl -> value("%.3f", ppl)).orElse("-"),
            String.format(Locale.ROOT, "%.1f", task.rates().get(m)));
      }
    }
    return table;
  }

  private TextTable taskDifferences() {
    TextTable table = new TextTable();
    table.add("task", "difference", "acc, %", "", "acc_norm, %", "", "NLL of the word, nats", "");
    for (OfTask task : tasks) {
      for (int other = 1; other <= against; other++) {
        TaskScore.Difference difference = task.scores().get(0).minus(task.scores().get(other));
        table.add(
            task.task().name(),
            pair(other),
            value("%+.2f", difference.accuracy().times(100)),
            difference.accuracy().verdict(false).toString());
        table.append(optional("%+.2f", difference.normalized().map(e -> e.times(100)), false));
        table.append(optional("%+.5f", difference.nll(), true));
      }
    }
    return table;
  }

  private static String[] optional(String format, Optional<Estimate> estimate, boolean lower) {
    return estimate
        .map(e -> new String[] {value(format, e), e.verdict(lower).toString()})
        .orElse(new String[] {"-", ""});
  }

  /** Returns the names of a pair, e.g. {@code calm - gptq}. */
  private String pair(int other) {
    return models.get(0).name() + " - " + models.get(other).name();
  }

  private static String value(String format, Estimate estimate) {
    String mean = String.format(Locale.ROOT, format, estimate.mean());
    return Double.isNaN(estimate.standardError())
        ? mean
        : mean
            + " +- "
            + String.format(Locale.ROOT, format.replace("+", ""), estimate.standardError());
  }
}
