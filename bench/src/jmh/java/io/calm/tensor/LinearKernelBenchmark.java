package io.calm.tensor;

import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Measures the Java kernel of SmolLM2's gate [1536, 576] on one thread; 0.88 million products per row. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class LinearKernelBenchmark {
  private static final int OUTPUTS = 1536;
  private static final int INPUTS = 576;
  private static final int GROUP = 64;

  @Param({"1", "16", "256"})
  public int rows;

  private LinearKernel kernel = LinearKernel.of(Packing.pack(one()));
  private QuantizedRows x = QuantizedRows.allocate(1, INPUTS, GROUP);
  private KernelScratch scratch = KernelScratch.allocate(1);
  private float[] y = new float[0];

  private static QuantizedMatrix one() {
    return new QuantizedMatrix(1, 1, GROUP, new byte[1], new float[1], new float[1]);
  }

  @Setup
  public void fill() {
    Random random = new Random(1);
    QuantizedMatrix matrix = RandomLinears.matrix(OUTPUTS, INPUTS, GROUP, random);
    float[] activations = RandomLinears.activations(rows, INPUTS, random);
    kernel = LinearKernel.of(Packing.pack(matrix));
    x = QuantizedRows.allocate(rows, INPUTS, GROUP);
    scratch = KernelScratch.allocate(rows);
    for (int t = 0; t < rows; t++) {
      ActivationQuantizer.perGroup().quantize(activations, t * INPUTS, x, t);
    }
    y = new float[rows * OUTPUTS];
    multiply();
    float[] last = Arrays.copyOfRange(activations, (rows - 1) * INPUTS, rows * INPUTS);
    float[] expected = NaiveKernels.linear(last, matrix, new float[0], false);
    if (!Arrays.equals(expected, Arrays.copyOfRange(y, (rows - 1) * OUTPUTS, rows * OUTPUTS))) {
      throw new IllegalStateException("the kernel differs from the plain loops");
    }
  }

  @Benchmark
  public float[] multiply() {
    for (int from = 0; from < kernel.tiles(); from += KernelScratch.MAX_TILES) {
      int to = Math.min(kernel.tiles(), from + KernelScratch.MAX_TILES);
      kernel.multiply(x, rows, from, to, y, scratch);
    }
    return y;
  }
}
