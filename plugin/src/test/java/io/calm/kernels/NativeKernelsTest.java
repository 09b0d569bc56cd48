package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.kernels.ExtremeLinears.Activations;
import io.calm.kernels.ExtremeLinears.Weights;
import io.calm.tensor.ActivationQuantizer;
import io.calm.tensor.HeadKernel;
import io.calm.tensor.KernelScratch;
import io.calm.tensor.LinearKernel;
import io.calm.tensor.Matrix;
import io.calm.tensor.OffHeap;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.QuantizedRows;
import io.calm.tensor.RandomLinears;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The products of every variant against the kernels in Java, bit for bit. */
class NativeKernelsTest {
  private static final int[] GROUPS = {32, 64, 128};
  private static final int[] OUTPUTS = {1, 15, 16, 17, 31, 33, 48, 80, 147};
  private static final int[] INPUTS = {1, 31, 32, 100, 128, 130, 256, 300};

  static Stream<KernelVariant> variants() {
    return NativeVariants.here();
  }

  /** A product: the shape, and the tiles from (inclusive) to (exclusive) that are asked for. */
  private record Shape(int rows, int outputs, int inputs, int group, int from, int to) {
    static Shape random(int rows, int group, Random random) {
      int outputs = OUTPUTS[random.nextInt(OUTPUTS.length)];
      int inputs = INPUTS[random.nextInt(INPUTS.length)];
      return of(rows, outputs, inputs, group);
    }

    static Shape of(int rows, int outputs, int inputs, int group) {
      return new Shape(rows, outputs, inputs, group, 0, (outputs + 15) / 16);
    }

    Shape tiles(int from, int to) {
      return new Shape(rows, outputs, inputs, group, from, to);
    }

    /** Sets the outputs of tiles that are not asked for to 0. */
    float[] cut(float[] y) {
      for (int i = 0; i < y.length; i++) {
        int tile = i % outputs / 16;
        y[i] = tile < from || tile >= to ? 0 : y[i];
      }
      return y;
    }
  }

  private static void checkLinear(KernelVariant variant, Shape shape, Weights kind, long seed) {
    Random random = new Random(seed);
    QuantizedMatrix matrix =
        kind.matrix(shape.outputs(), shape.inputs(), shape.group(), new Random(seed));
    QuantizedLinear weight = Packing.pack(matrix);
    boolean perToken = random.nextBoolean();
    float[] bias =
        random.nextBoolean() ? RandomLinears.vector(shape.outputs(), random) : new float[0];
    float[] x =
        ExtremeLinears.activations(
            shape.rows(), shape.inputs(), random.nextInt(Activations.values().length), random);
    assertArrayEquals(
        java(weight, bias, perToken, x, shape.rows()),
        product(variant, weight, bias, perToken, x, shape.rows()),
        () ->
            "%s: seed %d, %s, %s, per token %s, bias %s"
                .formatted(variant.name(), seed, shape, kind, perToken, bias.length > 0));
  }

  private static float[] product(
      KernelVariant variant,
      QuantizedLinear weight,
      float[] bias,
      boolean perToken,
      float[] x,
      int rows) {
    ByteBuffer y = NativeKernels.floats(new float[rows * weight.outputs()]);
    new BlockKernels(variant).multiply(weight, bias, perToken, NativeKernels.floats(x), 0, rows, y);
    float[] product = new float[rows * weight.outputs()];
    y.asFloatBuffer().get(product);
    return product;
  }

  /** Returns the product of the kernel in Java. */
  static float[] java(QuantizedLinear weight, float[] bias, boolean perToken, float[] x, int rows) {
    QuantizedRows rounded = QuantizedRows.allocate(rows, weight.inputs(), weight.group());
    for (int t = 0; t < rows; t++) {
      assertTrue(quantizer(perToken).quantize(x, t * weight.inputs(), rounded, t));
    }
    LinearKernel kernel =
        bias.length == 0 ? LinearKernel.of(weight) : LinearKernel.of(weight, bias);
    float[] y = new float[rows * weight.outputs()];
    kernel.multiply(rounded, rows, 0, kernel.tiles(), y, KernelScratch.allocate(rows));
    return y;
  }

  private static ActivationQuantizer quantizer(boolean perToken) {
    return perToken ? ActivationQuantizer.perToken() : ActivationQuantizer.perGroup();
  }

  @ParameterizedTest
  @MethodSource("variants")
  void linearsOfEveryNumberOfRowsHaveTheBitsOfJava(KernelVariant variant) {
    Random seeds = new Random(Seeds.next());
    for (int rows = 1; rows <= 33; rows++) {
      for (int group : GROUPS) {
        for (int i = 0; i < 4; i++) {
          checkLinear(
              variant, Shape.random(rows, group, seeds), Weights.ORDINARY, seeds.nextLong());
        }
      }
    }
    for (int group : GROUPS) {
      checkLinear(variant, Shape.of(512, 87, 300, group), Weights.ORDINARY, seeds.nextLong());
      checkLinear(variant, Shape.of(95, 80, 512, group), Weights.ORDINARY, seeds.nextLong());
    }
  }

  @ParameterizedTest
  @MethodSource("variants")
  void codesAndGridsAtTheirLimitsHaveTheBitsOfJava(KernelVariant variant) {
    Random seeds = new Random(Seeds.next());
    for (Weights kind : Weights.values()) {
      for (int rows : new int[] {1, 2, 7, 10, 32, 64}) {
        for (int group : GROUPS) {
          for (int inputs : new int[] {group, 3 * group, 4 * group - 5}) { // the first: one group
            checkLinear(variant, Shape.of(rows, 50, inputs, group), kind, seeds.nextLong());
          }
        }
      }
    }
  }

  private static void checkTable(KernelVariant variant, Shape shape, long seed) {
    Random random = new Random(seed);
    TokenTable.Int8Table table = table(shape, random);
    boolean perToken = random.nextBoolean();
    float[] x =
        ExtremeLinears.activations(
            shape.rows(), shape.inputs(), random.nextInt(Activations.values().length), random);
    HeadKernel head = HeadKernel.of(table, quantizer(perToken), shape.rows());
    float[][] logits = new float[shape.rows()][shape.outputs()];
    for (int t = 0; t < shape.rows(); t++) {
      assertTrue(head.read(x, t * shape.inputs(), t));
    }
    head.multiply(0, head.tiles(), logits, KernelScratch.allocate(shape.rows()));
    float[] expected = new float[shape.rows() * shape.outputs()];
    for (int t = 0; t < shape.rows(); t++) {
      System.arraycopy(logits[t], 0, expected, t * shape.outputs(), shape.outputs());
    }
    float[] actual = NativeKernels.multiply(variant, table, perToken, x, shape.from(), shape.to());
    assertArrayEquals(
        shape.cut(expected),
        actual,
        () ->
            "%s: seed %d, int8 %s, per token %s".formatted(variant.name(), seed, shape, perToken));
  }

  /** Rows of ordinary values, and rows with every code at a limit or at zero. */
  private static TokenTable.Int8Table table(Shape shape, Random random) {
    Matrix values = Matrix.allocate(shape.outputs(), shape.inputs());
    for (int v = 0; v < shape.outputs(); v++) {
      float[] row = RandomLinears.vector(shape.inputs(), random);
      switch (v % 7) {
        case 1 -> Arrays.fill(row, -1e30f);
        case 2 -> Arrays.fill(row, 1e-20f);
        case 3 -> Arrays.fill(row, 0f);
        default -> {}
      }
      values.writeRow(v, row);
    }
    TokenTableBuilder builder =
        TokenTableBuilder.int8(
            shape.outputs(), shape.inputs(), shape.group(), ByteBuffer::allocateDirect);
    return (TokenTable.Int8Table) builder.add(values).build();
  }

  @ParameterizedTest
  @MethodSource("variants")
  void int8TablesHaveTheBitsOfJava(KernelVariant variant) {
    Random seeds = new Random(Seeds.next());
    for (int group : GROUPS) {
      for (int rows = 1; rows <= 33; rows++) {
        checkTable(variant, Shape.random(rows, group, seeds), seeds.nextLong());
      }
      for (int rows : new int[] {1, 5, 25, 32, 70}) {
        Shape whole = Shape.of(rows, 103, 260, group); // 7 tiles
        for (int[] tiles : new int[][] {{0, 1}, {1, 2}, {1, 4}, {2, 7}, {3, 7}, {6, 7}, {4, 4}}) {
          checkTable(variant, whole.tiles(tiles[0], tiles[1]), seeds.nextLong());
        }
      }
      checkTable(variant, Shape.of(512, 40, 300, group), seeds.nextLong());
    }
  }

  @ParameterizedTest
  @MethodSource("variants")
  void activationsThatAreNotFiniteAreSeen(KernelVariant variant) {
    Random random = new Random(Seeds.of(5));
    for (int inputs : new int[] {64, 77}) {
      QuantizedLinear weight = Packing.pack(RandomLinears.matrix(17, inputs, 32, random));
      TokenTable.Int8Table table = table(Shape.of(1, 17, inputs, 32), random);
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
        for (int at : new int[] {0, 15, 40, inputs - 1, 2 * inputs, 3 * inputs - 1}) {
          float[] x = RandomLinears.vector(3 * inputs, random);
          x[at] = bad;
          for (boolean perToken : new boolean[] {false, true}) {
            String message = "%s at %d of 3 x %d".formatted(bad, at, inputs);
            float[] y = product(variant, weight, new float[0], perToken, x, 3);
            for (int i = 0; i < y.length; i++) {
              assertEquals(i / 17 == at / inputs, Float.isNaN(y[i]), message);
            }
            assertThrows(
                ArithmeticException.class,
                () -> NativeKernels.multiply(variant, table, perToken, x, 0, 2),
                message);
          }
        }
      }
    }
  }

  @Test
  void variantsBeginWithTheScalarOneOrSayWhyThereIsNone() {
    List<KernelVariant> variants = KernelVariants.ofThisMachine().all();
    assertEquals(variants.isEmpty(), KernelVariants.ofThisMachine().problem().isPresent());
    for (int i = 0; i < variants.size(); i++) {
      assertEquals(i, variants.get(i).index());
    }
    assertTrue(variants.isEmpty() || variants.get(0).missing().isEmpty());
    assertTrue(variants.isEmpty() || variants.get(0).name().equals("scalar"));
  }

  /** Pieces too small for mappings of their own, kept from the system by a last one in use. */
  @Test
  void freedMemoryGoesBackToTheSystem() throws IOException {
    Path status = Path.of("/proc/self/status");
    assumeTrue(!KernelVariants.ofThisMachine().all().isEmpty(), "no native library");
    assumeTrue(Files.exists(status), "no /proc/self/status");
    List<OffHeap> pieces = new ArrayList<>();
    for (int i = 0; i < 4096; i++) {
      pieces.add(OffHeap.allocate(64 << 10)); // 256 MiB, zeroed: resident
    }
    try (OffHeap last = OffHeap.allocate(64 << 10)) {
      pieces.forEach(OffHeap::close);
      NativeHeap.trim();
      long trimmed = residentKib(status);
      List<OffHeap> again = new ArrayList<>();
      for (int i = 0; i < 4096; i++) {
        again.add(OffHeap.allocate(64 << 10));
      }
      long used = residentKib(status);
      again.forEach(OffHeap::close);
      assertTrue(used - trimmed > 200 << 10, trimmed + " KiB, then " + used);
      assertEquals(64 << 10, last.bytes().capacity());
    }
  }

  private static long residentKib(Path status) throws IOException {
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("RssAnon:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
        .sum();
  }
}
