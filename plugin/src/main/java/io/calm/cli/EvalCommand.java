package io.calm.cli;

import io.calm.cli.eval.EvalJson;
import io.calm.cli.eval.EvalProgress;
import io.calm.cli.eval.EvalReport;
import io.calm.cli.eval.Evaluation;
import io.calm.cli.eval.LogitSource;
import io.calm.cli.eval.Task;
import io.calm.cli.eval.TaskFile;
import io.calm.cli.eval.TextWindows;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm eval}: measures the fidelity of a precision on texts and tasks. */
@Command(
    name = "eval",
    description = {
      "Measures perplexity on texts, the divergence from full precision, and the accuracy on"
          + " multiple-choice tasks, each with its standard error. Precisions are compared on the"
          + " same windows and questions.",
      "A precision that has no finished artifact is quantized first."
    })
final class EvalCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      arity = "1..*",
      parameterConsumer = FilesConsumer.class,
      description = "UTF-8 texts: perplexity on the first disjoint windows of each.")
  private List<Path> texts = List.of();

  @Option(
      names = "--tasks",
      paramLabel = "FILE",
      arity = "1..*",
      parameterConsumer = FilesConsumer.class,
      description =
          "JSON lines, also gzipped: log-likelihood requests of multiple-choice tasks, or LAMBADA.")
  private List<Path> tasks = List.of();

  @Option(
      names = "--precision",
      defaultValue = "calm",
      description =
          "reference, calm, or a uniform plan: rtn, gptq, awq, smoothquant, awq+gptq, ... Settings"
              + " of its own may follow, e.g. calm:calm.lm-head=int4. Default: ${DEFAULT-VALUE}.")
  private String precision;

  @Option(
      names = "--against",
      paramLabel = "PRECISION",
      split = ",",
      description =
          "Other precisions, run on the same windows and questions: prints the paired differences"
              + " as well. Repeatable, or with commas.")
  private List<String> against = List.of();

  @Option(
      names = "--kl",
      description =
          "Also print the KL divergence from the full-precision model and the top-1 agreement with"
              + " it, on the windows of the texts.")
  private boolean kl;

  @Option(
      names = "--kv-cache",
      paramLabel = "TYPE",
      description =
          "float16 or int8, or float32: keys and values as they are computed, on the kernels in Java."
              + " Default: the value of calm.kv-cache.")
  private @Nullable String kvCache;

  @Option(
      names = "--windows",
      paramLabel = "N",
      description =
          "Windows per text. Default: as many as have 65536 scored tokens, or all of a shorter text.")
  private @Nullable Integer windows;

  @Option(
      names = "--length",
      defaultValue = "512",
      description = "Tokens per window. Default: ${DEFAULT-VALUE}.")
  private int length;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Questions per task: the first N. Default: all.")
  private @Nullable Integer limit;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write all results to a JSON file as well.")
  private @Nullable Path json;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    List<Precision> precisions = precisions();
    check();
    Map<Path, String> contents = new LinkedHashMap<>();
    for (Path text : texts) {
      contents.put(text, TextWindows.read(text));
    }
    Map<Path, List<Task>> questions = new LinkedHashMap<>();
    for (Path file : tasks) {
      questions.put(file, TaskFile.read(file));
    }
    EvalProgress progress = new EvalProgress(spec.commandLine().getErr());
    List<Precision.Opened> opened = new ArrayList<>();
    try {
      for (Precision each : precisions) {
        opened.add(each.open(model, progress::reference));
      }
      EvalReport report = measure(precisions, opened, contents, questions, progress);
      PrintWriter out = spec.commandLine().getOut();
      report.lines().forEach(out::println);
      out.flush();
      if (json != null) {
        Files.writeString(json, EvalJson.of(report));
      }
    } finally {
      opened.forEach(Precision.Opened::close);
    }
    return 0;
  }

  /** Returns each precision once: the measured one, those it is compared with, the reference. */
  private List<Precision> precisions() {
    Set<String> names = new LinkedHashSet<>();
    names.add(precision);
    for (String name : against) {
      if (name.equals(precision)) {
        throw new IllegalArgumentException(
            "--against: expected a precision other than --precision %s, got the same; name another"
                .formatted(precision));
      }
      names.add(name);
    }
    Optional<String> cache = Optional.ofNullable(kvCache);
    boolean onlyReference = names.equals(Set.of(Precision.REFERENCE));
    if (kl) {
      names.add(Precision.REFERENCE);
    }
    return names.stream()
        .map(
            name ->
                new Precision(
                    name,
                    cache.filter(type -> onlyReference || !name.equals(Precision.REFERENCE))))
        .toList();
  }

  /** Refuses arguments that would fail after a long run. */
  private void check() {
    if (texts.isEmpty() && tasks.isEmpty()) {
      throw new IllegalArgumentException(
          "eval: expected --text FILE or --tasks FILE, got neither; name a file");
    }
    if (texts.isEmpty() && (kl || windows != null)) {
      throw new IllegalArgumentException(
          "%s: expected --text beside it, got only --tasks; name a text"
              .formatted(kl ? "--kl" : "--windows"));
    }
    if (limit != null && limit < 1) {
      throw new IllegalArgumentException(
          "--limit: expected 1 or more questions, got %d; give another number".formatted(limit));
    }
    if (json != null) {
      Path directory = json.toAbsolutePath().getParent();
      if (Files.isDirectory(json) || directory == null || !Files.isDirectory(directory)) {
        throw new IllegalArgumentException(
            "--json: expected a file in an existing directory, got %s; create the directory"
                .formatted(json));
      }
    }
  }

  private EvalReport measure(
      List<Precision> precisions,
      List<Precision.Opened> opened,
      Map<Path, String> contents,
      Map<Path, List<Task>> questions,
      EvalProgress progress)
      throws IOException {
    Precision.Opened first = opened.get(0);
    int compared = new LinkedHashSet<>(against).size();
    OptionalInt reference = kl ? OptionalInt.of(indexOfReference(precisions)) : OptionalInt.empty();
    List<LogitSource> sources = opened.stream().map(Precision.Opened::logits).toList();
    int threads = first.resolved().settings().decoder().threadCount();
    Evaluation evaluation =
        new Evaluation(sources, reference, first.checkpoint(), threads, progress);
    OptionalInt count = windows == null ? OptionalInt.empty() : OptionalInt.of(windows);
    Map<Path, TextWindows> cuts = new LinkedHashMap<>();
    contents.forEach((text, content) -> cuts.put(text, evaluation.cut(text, content, count, length)));
    List<EvalReport.OfText> ofTexts = new ArrayList<>();
    cuts.forEach((text, cut) -> ofTexts.add(evaluation.text(text, cut)));
    List<EvalReport.OfTask> ofTasks = new ArrayList<>();
    int most = limit == null ? Integer.MAX_VALUE : limit;
    questions.forEach(
        (file, all) ->
            all.forEach(task -> ofTasks.add(evaluation.task(file, task, 1 + compared, most))));
    List<EvalReport.Model> models = new ArrayList<>();
    for (int i = 0; i < opened.size(); i++) {
      models.add(new EvalReport.Model(precisions.get(i).name(), opened.get(i).variant()));
    }
    EvalReport.Header header =
        new EvalReport.Header(
            first.resolved().name(),
            model.options().strip(),
            Optional.ofNullable(kvCache),
            Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    return new EvalReport(header, models, compared, ofTexts, ofTasks);
  }

  private static int indexOfReference(List<Precision> precisions) {
    return precisions.stream().map(Precision::name).toList().indexOf(Precision.REFERENCE);
  }
}
