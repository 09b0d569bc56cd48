package io.calm.replay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calm.kernels.KernelVariants;
import io.calm.testing.Seeds;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** The operations on rows on all threads against those of the engine, bit for bit. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@SuppressWarnings("NullAway.Init") // opened before the first test
class StageProductsTest {
  private static final Shape SHAPE = new Shape(3, 11, 37);
  private static final int ROWS = 33;
  private static final int WIDTH = 37;

  private TorchRuntime torch;
  private StageProducts engine;
  private StageProducts parallel;

  @BeforeAll
  void open() {
    torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
    engine = new EngineProducts(torch);
    parallel = torch.products(); // the engine too where there are no native kernels
  }

  @AfterAll
  void close() {
    torch.close();
  }

  private static float[] gaussian(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private NDArray array(long seed) {
    return torch.manager().create(gaussian(ROWS * WIDTH, seed), SHAPE);
  }

  @Test
  void copiesQuotientsAndNormsAreThoseOfTheEngine() {
    long seed = Seeds.next();
    float[] divisors = gaussian(WIDTH, seed + 1);
    try (NDArray x = array(seed);
        NDArray copy = parallel.copy(x);
        NDArray quotient = parallel.quotient(x, divisors);
        NDArray expected = engine.quotient(x, divisors)) {
      assertArrayEquals(x.toFloatArray(), copy.toFloatArray());
      assertArrayEquals(expected.toFloatArray(), quotient.toFloatArray());
      assertArrayEquals(engine.norms(x), parallel.norms(x));
      copy.muli(2);
      assertArrayEquals(gaussian(ROWS * WIDTH, seed), x.toFloatArray(), "the copy has own memory");
    }
  }

  @Test
  void differencesAndScaledRowsAreThoseOfTheEngine() {
    long seed = Seeds.next();
    float[] factors = gaussian(ROWS, seed + 1);
    try (NDArray x = array(seed);
        NDArray y = array(seed + 2);
        NDArray expected = engine.scaled(engine.difference(x.duplicate(), y), factors);
        NDArray actual = parallel.scaled(parallel.difference(x.duplicate(), y), factors)) {
      assertArrayEquals(expected.toFloatArray(), actual.toFloatArray());
      assertArrayEquals(gaussian(ROWS * WIDTH, seed + 2), y.toFloatArray(), "y is only read");
    }
  }
}
