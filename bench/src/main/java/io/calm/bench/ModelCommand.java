package io.calm.bench;

import io.calm.cli.OutputFile;
import io.calm.model.ModelSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm bench model}: measures a whole decoder. */
@Command(
    name = "model",
    description = {
      "Measures a whole decoder with random weights: decode, prefill, batches, attention over a"
          + " long context, overhead.",
    })
final class ModelCommand implements Callable<Integer> {
  @Mixin private BenchOptions bench;
  @Mixin private RoundsOption rounds;

  @Option(
      names = "--shape",
      defaultValue = "smollm2-135m",
      description = "smollm2-135m, llama-1b, llama-3b or llama-8b. Default: ${DEFAULT-VALUE}.")
  private String shape;

  @Option(
      names = "--peer",
      paramLabel = "NAME",
      description =
          "Also measure llama-cpp-python, openvino-genai or onnxruntime-genai on random int4"
              + " weights of the peer's shape, alternately with CALM.")
  private @Nullable String peer;

  @Option(
      names = "--peer-python",
      paramLabel = "FILE",
      defaultValue = "python3",
      description = "A Python that has the peer. Default: ${DEFAULT-VALUE}.")
  private String peerPython;

  @Option(
      names = "--peer-shape",
      paramLabel = "SHAPE",
      description = "Shape of the peer's file. Default: that of --shape.")
  private @Nullable String peerShape;

  @Option(
      names = "--peer-file",
      paramLabel = "FILE",
      description =
          "Where the peer's file is kept, for use elsewhere. Default: a temporary file."
              + " Without --peer, llama.cpp's file is only written.")
  private @Nullable Path peerFile;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    ModelShape chosen = ModelShape.named(shape);
    ModelSpec ofPeer = peerSpec();
    if (peerFile != null) {
      OutputFile.require("--peer-file", peerFile);
    }
    if (peer == null && peerFile != null) {
      PeerRuntime.LLAMA.write(peerFile, ofPeer);
      return 0;
    }
    Optional<PeerRuntime> runtime = Optional.ofNullable(peer).map(PeerRuntime::named);
    BenchReport report = bench.report(spec.commandLine().getOut());
    ModelBench measures =
        new ModelBench(chosen, bench.variant(), bench.threads(), rounds.announce(report), report);
    if (runtime.isPresent()) {
      measure(measures, runtime.get(), ofPeer, report);
    } else {
      measure(measures, Optional.empty(), report);
    }
    return 0;
  }

  private void measure(
      ModelBench measures, PeerRuntime runtime, ModelSpec ofPeer, BenchReport report)
      throws IOException, InterruptedException {
    Path file = peerFile != null ? peerFile : TemporaryFile.create("calm-peer-", runtime.suffix());
    try {
      runtime.write(file, ofPeer);
      try (PythonPeer other = PythonPeer.start(runtime, peerPython, file, bench.threads())) {
        measure(measures, Optional.of(other), report);
      }
    } finally {
      if (peerFile == null) {
        Files.delete(file);
      }
    }
  }

  private void measure(ModelBench measures, Optional<PythonPeer> other, BenchReport report)
      throws IOException, InterruptedException {
    try {
      measures.run(other);
    } finally {
      bench.finish(report);
    }
  }

  private ModelSpec peerSpec() {
    return ModelShape.named("--peer-shape", peerShape == null ? shape : peerShape).spec();
  }
}
