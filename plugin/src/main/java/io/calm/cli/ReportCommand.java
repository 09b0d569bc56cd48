package io.calm.cli;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.quantize.QuantizedModelStore;
import io.calm.report.Report;
import io.calm.report.ReportHtml;
import io.calm.report.ReportJson;
import io.calm.report.ReportSource;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm report}: everything known about a quantized model, as one file. */
@Command(
    name = "report",
    description = {
      "Writes what is served and why, with all measurements in the cache, as one HTML file without"
          + " scripts or links, as JSON, or both.",
      "Measures nothing and starts no search. The report names the command of each measurement that"
          + " is missing."
    })
final class ReportCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;

  @Option(
      names = "--out",
      paramLabel = "FILE.html",
      description = "The HTML file. Default: report.html, unless only --json is given.")
  private @Nullable Path out;

  @Option(names = "--json", paramLabel = "FILE.json", description = "The same as JSON.")
  private @Nullable Path json;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Path html = out == null && json == null ? Path.of("report.html") : out;
    if (html != null) {
      OutputFile.require("--out", html);
    }
    if (json != null) {
      OutputFile.require("--json", json);
    }
    ModelMixin.Resolved resolved = model.resolve();
    Report report = report(resolved);
    PrintWriter lines = spec.commandLine().getOut();
    if (html != null) {
      OutputFile.write("--out", html, ReportHtml.write(report));
      lines.println(html);
    }
    if (json != null) {
      OutputFile.write("--json", json, ReportJson.write(report));
      lines.println(json);
    }
    report.missing().stream()
        .map(missing -> "not measured: %s; %s".formatted(missing.what(), missing.command()))
        .forEach(lines::println);
    lines.flush();
    return 0;
  }

  private Report report(ModelMixin.Resolved resolved) {
    QuantizedModelStore store = new QuantizedModelStore(resolved.settings());
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint());
        Artifact artifact = model.finished(store, resolved.checkpoint(), checkpoint)) {
      return ReportSource.of(
              resolved.name(),
              resolved.checkpoint().toString(),
              model.arguments(),
              resolved.settings(),
              artifact)
          .report();
    }
  }
}
