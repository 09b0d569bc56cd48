package io.calm.bench;

import io.calm.cli.ArgumentException;
import io.calm.cli.ModelArgument;
import io.calm.files.DjlCache;
import io.calm.kernels.KernelVariant;
import io.calm.replay.ProductTimes;
import io.calm.settings.CalmSettings;
import io.calm.torch.EngineMissingException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm bench kernels}: measures single products. */
@Command(
    name = "kernels",
    description = {
      "Measures W4A8 products of one row, a few and 512 against what this machine can read and"
          + " multiply, against PyTorch, and against ONNX Runtime where its jar is there."
    })
final class KernelsCommand implements Callable<Integer> {
  /** The directory into which {@code mvn -Pbench} copies the jar. */
  private static final Path PEERS = Path.of("bench", "target", "peers");

  @Mixin private BenchOptions bench;
  @Mixin private RoundsOption rounds;

  @Option(
      names = "--shape",
      paramLabel = "NAME",
      description = "Only this shape, e.g. 14336x4096/g128. Default: all four.")
  private @Nullable String shape;

  @Option(
      names = "--onnxruntime",
      paramLabel = "JAR",
      description =
          "com.microsoft.onnxruntime:onnxruntime. Default: what `mvn -Pbench` put into"
              + " bench/target/peers.")
  private @Nullable Path onnxRuntime;

  @Option(names = "--no-pytorch", description = "Leave PyTorch out.")
  private boolean withoutPytorch;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    if (shape != null
        && KernelShape.ALL.stream().noneMatch(linear -> linear.name().equals(shape))) {
      throw new ArgumentException(
          "--shape: expected one of %s, got %s"
              .formatted(KernelShape.ALL.stream().map(KernelShape.Linear::name).toList(), shape));
    }
    BenchReport report = bench.report(spec.commandLine().getOut());
    KernelVariant variant = bench.variant();
    Optional<OnnxRuntimePeer> onnx = onnx(report);
    Optional<ProductTimes> pytorch = pytorch(report);
    try {
      KernelBench kernels =
          new KernelBench(variant, bench.threads(), rounds.announce(report), report);
      for (KernelShape.Linear linear : KernelShape.ALL) {
        if (shape == null || linear.name().equals(shape)) {
          kernels.run(linear, new KernelBench.Peers(onnx, pytorch));
        }
      }
    } finally {
      bench.finish(report);
      pytorch.ifPresent(ProductTimes::close);
      if (onnx.isPresent()) {
        onnx.get().close();
      }
    }
    return 0;
  }

  private Optional<OnnxRuntimePeer> onnx(BenchReport report) throws IOException {
    Optional<Path> jar = onnxRuntime == null ? fetched() : Optional.of(onnxRuntime);
    if (jar.isEmpty()) {
      report.note("no ONNX Runtime: mvn -B -Pbench -pl bench dependency:copy@peers fetches it");
      return Optional.empty();
    }
    report.note("ONNX Runtime: %s", jar.get().getFileName());
    return Optional.of(OnnxRuntimePeer.open(jar.get(), bench.threads()));
  }

  private static Optional<Path> fetched() throws IOException {
    Path directory = Path.of(System.getProperty(ModelArgument.HOME, "")).resolve(PEERS);
    if (!Files.isDirectory(directory)) {
      return Optional.empty();
    }
    try (DirectoryStream<Path> jars = Files.newDirectoryStream(directory, "onnxruntime-*.jar")) {
      Iterator<Path> found = jars.iterator();
      return found.hasNext() ? Optional.of(found.next()) : Optional.empty();
    }
  }

  private Optional<ProductTimes> pytorch(BenchReport report) throws IOException {
    if (withoutPytorch) {
      return Optional.empty();
    }
    DjlCache.use(CalmSettings.defaults().loading().cacheDir());
    try {
      return Optional.of(ProductTimes.open(bench.threads()));
    } catch (EngineMissingException e) {
      report.note("%s", "no PyTorch: " + e.getMessage());
      return Optional.empty();
    }
  }
}
