package io.calm.cli;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.LongText;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.cli.eval.TextWindows;
import io.calm.cli.terminal.ProgressBar;
import io.calm.quantize.QuantizedModelStore;
import io.calm.quantize.SearchHeap;
import io.calm.quantize.SensitivityRequest;
import io.calm.report.Measurements;
import io.calm.search.SensitivityTable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm sensitivity}: measures what each algorithm costs on each block alone. */
@Command(
    name = "sensitivity",
    description = {
      "Prints, for each block and each algorithm of the pool, the KL divergence of the final logits"
          + " to full precision when that block alone is quantized, beside the scores that a search"
          + " would see. A summary shows how much each metric's choices lose.",
      "Finished cells are kept in the cache: a run that was stopped continues."
    })
final class SensitivityCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;

  @Option(
      names = "--pool",
      paramLabel = "NAMES",
      description = "Comma-separated algorithms, e.g. rtn,gptq,awq. Default: calm.pool.")
  private @Nullable String pool;

  @Option(
      names = "--blocks",
      paramLabel = "LIST",
      description = "Blocks to measure, e.g. 0-10,29. Default: all.")
  private @Nullable String blocks;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      arity = "1..*",
      parameterConsumer = FilesConsumer.class,
      description = "UTF-8 texts to measure on, beside the guard part of the calibration.")
  private List<Path> texts = List.of();

  @Option(
      names = "--windows",
      defaultValue = "24",
      description = "Maximum number of windows of each text. Default: ${DEFAULT-VALUE}.")
  private int windows;

  @Option(
      names = "--length",
      paramLabel = "TOKENS",
      description =
          "Tokens per window. Default: the length of a calibration sequence, at most 256.")
  private @Nullable Integer length;

  @Option(names = "--json", paramLabel = "FILE", description = "Also writes the table as JSON.")
  private @Nullable Path json;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    List<Integer> chosen = blocks == null ? List.of() : BlockList.parse(blocks);
    if (windows < 1) {
      throw new ArgumentException(
          "--windows: expected 1 or more, got %d; give another number".formatted(windows));
    }
    if (length != null && length < 2) {
      throw new ArgumentException(
          "--length: expected 2 or more tokens, got %d; give another length".formatted(length));
    }
    if (json != null) {
      OutputFile.require("--json", json);
    }
    texts.forEach(text -> InputFile.require("--text", text));
    Map<String, String> contents = new LinkedHashMap<>();
    for (Path text : new LinkedHashSet<>(texts)) {
      contents.put(name(text, contents.keySet()), TextWindows.read(text));
    }
    ModelMixin.Resolved resolved =
        model.resolve(
            pool == null ? Map.of() : Map.of("calm.pool", pool, "calm.algorithm", "search"));
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint())) {
      Map<String, int[]> tokens = new LinkedHashMap<>();
      contents.forEach(
          (name, content) -> tokens.put(name, LongText.encode(checkpoint.tokenizer(), content)));
      SensitivityRequest request =
          new SensitivityRequest(
              chosen,
              tokens,
              windows,
              length == null ? OptionalInt.empty() : OptionalInt.of(length));
      QuantizedModelStore store = new QuantizedModelStore(resolved.settings());
      SearchHeap.prepare(checkpoint.spec(), store.layout(checkpoint), resolved.settings());
      SensitivityTable table = measure(store, checkpoint, request);
      new Measurements(resolved.settings().loading().cacheDir())
          .keep(store.key(checkpoint), store.group(checkpoint), table);
      print(table);
    }
    return 0;
  }

  private static SensitivityTable measure(
      QuantizedModelStore store, Checkpoint checkpoint, SensitivityRequest request) {
    try (ProgressBar bar = ProgressBar.open()) {
      return store.sensitivity(checkpoint, request, bar);
    }
  }

  private void print(SensitivityTable table) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    SensitivityText.lines(table).forEach(out::println);
    out.flush();
    if (json != null) {
      OutputFile.write("--json", json, SensitivityJson.write(table));
    }
  }

  /** Returns the name of a text's file, or its path if another text has that name. */
  static String name(Path text, Set<String> others) {
    Set<String> taken = new HashSet<>(others);
    taken.addAll(List.of(SensitivityRequest.GUARD, SensitivityTable.ALL));
    return Stream.of(text.getFileName(), text)
        .map(String::valueOf)
        .filter(name -> !taken.contains(name))
        .findFirst()
        .orElseGet(() -> text.toAbsolutePath().toString());
  }
}
