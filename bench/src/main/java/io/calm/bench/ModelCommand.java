package io.calm.bench;

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
  private static final String LLAMA = "llama-cpp-python";
  private static final long SEED = 5;

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
          "Also measure llama-cpp-python: llama.cpp, on a Q4_0 file with random weights of the"
              + " peer's shape, in turns with ours.")
  private @Nullable String peer;

  @Option(
      names = "--peer-python",
      paramLabel = "FILE",
      defaultValue = "python3",
      description = "A Python that has llama-cpp-python. Default: ${DEFAULT-VALUE}.")
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
              + " Without --peer it is only written.")
  private @Nullable Path peerFile;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    ModelShape chosen = ModelShape.named(shape);
    if (peer == null) {
      if (peerFile != null) {
        writePeerFile(peerFile);
        return 0;
      }
      measure(chosen, Optional.empty());
      return 0;
    }
    if (!peer.equals(LLAMA)) {
      throw new IllegalArgumentException("--peer: expected %s, got %s".formatted(LLAMA, peer));
    }
    Path file = peerFile != null ? peerFile : Files.createTempFile("calm-peer-", ".gguf");
    try {
      writePeerFile(file);
      try (PeerModel llama = LlamaPeer.start(peerPython, file, bench.threads())) {
        measure(chosen, Optional.of(llama));
      }
    } finally {
      if (peerFile == null) {
        Files.delete(file);
      }
    }
    return 0;
  }

  private void measure(ModelShape chosen, Optional<PeerModel> other)
      throws IOException, InterruptedException {
    BenchReport report = bench.report(spec.commandLine().getOut());
    try {
      new ModelBench(chosen, bench.variant(), bench.threads(), rounds.announce(report), report)
          .run(other);
    } finally {
      bench.finish(report);
    }
  }

  private void writePeerFile(Path file) throws IOException {
    RandomGguf.write(file, ModelShape.named(peerShape == null ? shape : peerShape).spec(), SEED);
  }
}
