package io.calm.cli;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.LongText;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.cli.eval.EvalJson;
import io.calm.cli.eval.EvalProgress;
import io.calm.cli.eval.EvalReport;
import io.calm.cli.eval.Evaluation;
import io.calm.cli.eval.PreparedTask;
import io.calm.cli.eval.Task;
import io.calm.cli.eval.TaskFile;
import io.calm.cli.eval.TextWindows;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
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
      "A precision without an artifact is quantized first."
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
          "KV cache format: float16, int8, or float32 (unrounded, Java kernels only)."
              + " Default: the value of calm.kv-cache.")
  private @Nullable String kvCache;

  @Option(
      names = "--windows",
      paramLabel = "N",
      description =
          "Windows per text. Default: 65536 scored tokens in all, or all windows of a shorter text.")
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
    Map<Precision, ModelMixin.Resolved> resolved = new LinkedHashMap<>();
    for (Precision each : precisions) {
      resolved.put(each, each.resolve(model));
    }
    ModelMixin.Resolved first = resolved.values().iterator().next();
    try (Checkpoint checkpoint = Checkpoints.open(first.checkpoint())) {
      Map<Path, TextWindows> cuts = new LinkedHashMap<>();
      contents.forEach((text, content) -> cuts.put(text, cut(text, content, checkpoint)));
      List<PreparedTask> prepared = prepare(questions, checkpoint);
      EvalReport report = measure(resolved, cuts, prepared);
      PrintWriter out = spec.commandLine().getOut();
      report.lines().forEach(out::println);
      out.flush();
      if (json != null) {
        OutputFile.write("--json", json, EvalJson.of(report));
      }
    }
    return 0;
  }

  private TextWindows cut(Path text, String content, Checkpoint checkpoint) {
    OptionalInt count = windows == null ? OptionalInt.empty() : OptionalInt.of(windows);
    int[] tokens = LongText.encode(checkpoint.tokenizer(), content);
    return TextWindows.cut(text.toString(), tokens, count, length, checkpoint.spec().maxContext());
  }

  private List<PreparedTask> prepare(Map<Path, List<Task>> questions, Checkpoint checkpoint) {
    int most = limit == null ? Integer.MAX_VALUE : limit;
    List<PreparedTask> prepared = new ArrayList<>();
    questions.forEach(
        (file, all) ->
            all.forEach(task -> prepared.add(PreparedTask.of(file, task, most, checkpoint))));
    return prepared;
  }

  /** Returns each precision once: the measured one, those it is compared with, the reference. */
  private List<Precision> precisions() {
    Set<String> names = new LinkedHashSet<>();
    names.add(precision);
    for (String name : against) {
      if (name.equals(precision)) {
        throw new ArgumentException(
            "--against: expected a precision other than --precision %s, got the same; name another"
                .formatted(precision));
      }
      names.add(name);
    }
    Optional<String> cache = kvCache();
    boolean onlyReference = names.equals(Set.of(Precision.REFERENCE));
    if (kl) {
      names.add(Precision.REFERENCE);
    }
    return names.stream()
        .map(
            name ->
                Precision.of(
                    name, cache.filter(type -> onlyReference || !name.equals(Precision.REFERENCE))))
        .toList();
  }

  /** Returns the value of {@code --kv-cache}, in lower case as {@code calm.kv-cache} is read. */
  private Optional<String> kvCache() {
    return Optional.ofNullable(kvCache).map(type -> type.strip().toLowerCase(Locale.ROOT));
  }

  /** Refuses arguments that would fail after a long run. */
  private void check() {
    if (texts.isEmpty() && tasks.isEmpty()) {
      throw new ArgumentException(
          "eval: expected --text FILE or --tasks FILE, got neither; name a file");
    }
    if (texts.isEmpty() && (kl || windows != null)) {
      throw new ArgumentException(
          "%s: expected --text beside it, got only --tasks; name a text"
              .formatted(kl ? "--kl" : "--windows"));
    }
    if (windows != null && windows < 1) {
      throw new ArgumentException(
          "--windows: expected 1 or more, got %d; give another number".formatted(windows));
    }
    if (length < 2) {
      throw new ArgumentException(
          "--length: expected 2 or more tokens, got %d; give another length".formatted(length));
    }
    if (limit != null && limit < 1) {
      throw new ArgumentException(
          "--limit: expected 1 or more questions, got %d; give another number".formatted(limit));
    }
    texts.forEach(text -> InputFile.require("--text", text));
    tasks.forEach(file -> InputFile.require("--tasks", file));
    if (json != null) {
      OutputFile.require("--json", json);
    }
  }

  /** An opened precision and its place among those of the command. */
  private record Lane(int index, Precision precision, Precision.Opened opened) {
    EvalReport.Model model() {
      return new EvalReport.Model(precision.name(), precision.kind(), opened.variant());
    }
  }

  private EvalReport measure(
      Map<Precision, ModelMixin.Resolved> precisions,
      Map<Path, TextWindows> cuts,
      List<PreparedTask> questions) {
    ModelMixin.Resolved first = precisions.values().iterator().next();
    EvalProgress progress = new EvalProgress(spec.commandLine().getErr());
    List<Lane> lanes = new ArrayList<>();
    try {
      List<Precision> order = List.copyOf(precisions.keySet());
      // Those that need no search first: a wrong name ends the command before a long search.
      precisions.entrySet().stream()
          .sorted(Comparator.comparing(entry -> entry.getKey().kind() == EvalReport.Kind.SEARCHED))
          .forEach(
              entry -> {
                Precision each = entry.getKey();
                Precision.Opened opened = each.open(entry.getValue(), progress::reference);
                lanes.add(new Lane(order.indexOf(each), each, opened));
              });
      lanes.sort(Comparator.comparingInt(Lane::index));
      List<EvalReport.Model> models = lanes.stream().map(Lane::model).toList();
      Evaluation evaluation =
          new Evaluation(
              lanes.stream().map(lane -> lane.opened().logits()).toList(),
              kl ? EvalReport.reference(models) : OptionalInt.empty(),
              first.settings().decoder().threadCount(),
              progress);
      List<EvalReport.OfText> ofTexts = new ArrayList<>();
      cuts.forEach((text, cut) -> ofTexts.add(evaluation.text(text, cut)));
      List<EvalReport.OfTask> ofTasks = new ArrayList<>();
      int compared = new LinkedHashSet<>(against).size();
      questions.forEach(task -> ofTasks.add(evaluation.task(task, 1 + compared)));
      EvalReport report = new EvalReport(header(first), models, compared, ofTexts, ofTasks);
      new KeptScores(report).keep(lanes.stream().map(lane -> lane.opened().kept()).toList());
      return report;
    } finally {
      lanes.forEach(lane -> lane.opened().close());
    }
  }

  private EvalReport.Header header(ModelMixin.Resolved resolved) {
    return new EvalReport.Header(
        resolved.name(),
        model.options().strip(),
        kvCache(),
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
  }
}
