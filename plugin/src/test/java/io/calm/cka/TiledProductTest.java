package io.calm.cka;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.calm.kernels.JavaSearchKernels;
import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeSearchKernels;
import io.calm.kernels.NativeVariants;
import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.testing.Seeds;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The products of the kernels in C against the loops in Java, bit for bit. */
class TiledProductTest {

  static Stream<KernelVariant> variants() {
    return NativeVariants.here();
  }

  @ParameterizedTest
  @MethodSource("variants")
  void everyVariantHasTheBitsOfJava(KernelVariant variant) {
    for (int round = 0; round < 20; round++) {
      long seed = Seeds.next();
      Random random = new Random(seed);
      int tokens = 4 + random.nextInt(150);
      int features = 1 + random.nextInt(300);
      Matrix x = Matrix.of(new RandomMatrices(seed).gaussian(tokens, features));
      Matrix y = Matrix.of(new RandomMatrices(seed + 1).gaussian(tokens, features));
      Centred u = centred(x);
      Centred v = centred(y);
      boolean gram = random.nextBoolean();
      int count = gram ? tokens : features;
      TiledProduct.Operand left = gram ? u.tokens() : u.features();
      TiledProduct.Operand right = gram ? v.tokens() : v.features();
      TiledProduct.Tile[] tiles = TiledProduct.tiles(count, count, false);
      double[][] expected = product(left, right, tiles, new JavaSearchKernels());
      double[][] actual = product(left, right, tiles, new NativeSearchKernels(variant));
      for (int t = 0; t < tiles.length; t++) {
        assertArrayEquals(
            expected[t],
            actual[t],
            "%s: seed %d, [%d, %d], %s"
                .formatted(variant.name(), seed, tokens, features, tiles[t]));
      }
    }
  }

  private static double[][] product(
      TiledProduct.Operand left,
      TiledProduct.Operand right,
      TiledProduct.Tile[] tiles,
      SearchKernels kernels) {
    try (Parallel parallel = new Parallel(2)) {
      return TiledProduct.compute(
          left,
          right,
          tiles,
          parallel,
          kernels,
          (tile, product, size) -> Arrays.copyOf(product, size));
    }
  }

  private static Centred centred(Matrix matrix) {
    try (Parallel parallel = new Parallel(2)) {
      return new Centred(RowView.of(matrix), parallel);
    }
  }
}
