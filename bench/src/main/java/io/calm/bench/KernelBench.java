package io.calm.bench;

import io.calm.bench.BenchReport.Subject;
import io.calm.bench.KernelShape.Linear;
import io.calm.kernels.KernelVariant;
import io.calm.replay.ProductTimes;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Measures W4A8 products of one, a few and 512 rows against the limits of the machine and against
 * other libraries. CALM's times exclude the rounding of activations; those of other libraries
 * include it.
 */
public final class KernelBench {
  private static final int ROWS = 512;
  private static final List<Integer> FEW = List.of(8, 16);
  private static final int PASSES = 3;
  private static final double GIGA = 1e9;
  private static final double TERA = 1e12;
  private static final String READ = "read-limit";
  private static final String PEAK = "int8-peak";
  private static final String ONNX = "onnxruntime";

  private final NativeBench bench;
  private final int rounds;
  private final Machine machine;
  private final BenchReport report;

  /** Other libraries, if they are present. */
  public record Peers(Optional<OnnxRuntimePeer> onnx, Optional<ProductTimes> pytorch) {}

  public KernelBench(KernelVariant variant, int threads, int rounds, BenchReport report) {
    this.bench = NativeBench.of(variant, threads);
    this.rounds = rounds;
    this.machine = new Machine(bench);
    this.report = report;
  }

  /** Measures one shape. */
  public void run(Linear linear, Peers peers) throws IOException, InterruptedException {
    QuantizedLinear ring =
        RandomWeights.linear(
            linear.outputs() * linear.copies(),
            linear.inputs(),
            linear.group(),
            new SplittableRandom(8));
    oneRow(linear, ring, peers);
    manyRows(linear, ring, peers);
  }

  private double seconds(Linear linear, QuantizedLinear ring, int copies, int rows, int passes) {
    return bench.linearSeconds(ring, linear.outputs(), copies, rows, passes);
  }

  private void oneRow(Linear linear, QuantizedLinear ring, Peers peers)
      throws IOException, InterruptedException {
    int copies = linear.copies();
    Rounds turns = new Rounds().add(READ, machine::readBandwidth);
    turns.add("ring", () -> linear.bytes() / seconds(linear, ring, copies, 1, PASSES));
    turns.add("cached", () -> linear.bytes() / seconds(linear, ring, 1, 1, 20 * PASSES));
    for (int rows : FEW) {
      turns.add("m" + rows, () -> rows / seconds(linear, ring, copies, rows, 1));
    }
    Rounds.Results results;
    if (peers.onnx().isPresent()) {
      try (OnnxRuntimePeer.Products products = peers.onnx().get().products(linear, copies, 1)) {
        turns.add(ONNX, () -> linear.bytes() / products.seconds(PASSES));
        results = turns.run(rounds);
      }
    } else {
      results = turns.run(rounds);
    }
    Series one = results.get("ring");
    report.add(
        new Subject("gemv", linear.name(), "GB/s", READ), gigas(one), one.over(results.get(READ)));
    Series cached = results.get("cached");
    report.add(
        new Subject("gemv", linear.name() + "/cached", "GB/s", READ),
        gigas(cached),
        cached.over(results.get(READ)));
    if (results.has(ONNX)) {
      Series onnx = results.get(ONNX);
      report.add(new Subject("gemv", linear.name(), "GB/s", ONNX), gigas(one), one.over(onnx));
      report.note("  %s read its own weights at %.1f GB/s", ONNX, gigas(onnx).median());
    }
    for (int rows : FEW) {
      Series products = results.get("m" + rows).times(linear.products());
      report.add(
          new Subject("gemm", linear.name() + "/m" + rows, "TOPS", "one-row"),
          teras(products),
          results.get("m" + rows).over(one.times(1 / linear.bytes())));
    }
  }

  private void manyRows(Linear linear, QuantizedLinear ring, Peers peers)
      throws IOException, InterruptedException {
    double products = ROWS * linear.products();
    Rounds turns = new Rounds();
    turns.add(PEAK, machine::integerPeak);
    turns.add("gemm", () -> products / seconds(linear, ring, 1, ROWS, PASSES));
    try (Matrix a = random(ROWS, linear.inputs());
        Matrix b = random(linear.outputs(), linear.inputs())) {
      peers
          .pytorch()
          .ifPresent(
              torch -> {
                turns.add("pytorch-f32", () -> products / torch.float32(a, b));
                turns.add("pytorch-bf16", () -> products / torch.bfloat16(a, b));
              });
      Rounds.Results results;
      if (peers.onnx().isPresent()) {
        try (OnnxRuntimePeer.Products onnx = peers.onnx().get().products(linear, 1, ROWS)) {
          turns.add(ONNX, () -> products / onnx.seconds(PASSES));
          results = turns.run(rounds);
        }
      } else {
        results = turns.run(rounds);
      }
      Series ours = results.get("gemm");
      for (String against : List.of(PEAK, "pytorch-f32", "pytorch-bf16", ONNX)) {
        if (results.has(against) && results.get(against).min() > 0) {
          Series other = results.get(against);
          report.add(
              new Subject("gemm", linear.name(), "TOPS", against), teras(ours), ours.over(other));
          report.note("  %s: %.3f TOPS", against, teras(other).median());
        }
      }
    }
  }

  private static Matrix random(int rows, int columns) {
    SplittableRandom random = new SplittableRandom(9);
    Matrix matrix = Matrix.allocate(rows, columns);
    float[] row = new float[columns];
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < columns; i++) {
        row[i] = (float) random.nextDouble() - 0.5f;
      }
      matrix.writeRow(r, row);
    }
    return matrix;
  }

  private static Series gigas(Series bytes) {
    return bytes.times(1 / GIGA);
  }

  /** A multiply-add is two operations. */
  private static Series teras(Series products) {
    return products.times(2 / TERA);
  }
}
