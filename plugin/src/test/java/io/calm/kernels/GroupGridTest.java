package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.tensor.Float16;
import io.calm.testing.Seeds;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GroupGridTest {
  private static final int GROUP = 64;

  private static float[] normal(Random random, double deviation) {
    float[] w = new float[GROUP];
    for (int i = 0; i < GROUP; i++) {
      w[i] = (float) (random.nextGaussian() * deviation);
    }
    return w;
  }

  private static float[] importance(Random random, double deviation) {
    float[] h = new float[GROUP];
    for (int i = 0; i < GROUP; i++) {
      h[i] = (float) Math.exp(random.nextGaussian() * deviation);
    }
    return h;
  }

  private static double error(float[] w, float[] h, double scale, double minimum) {
    double sum = 0;
    for (int i = 0; i < w.length; i++) {
      double code = Math.max(0, Math.min(15, Math.floor((w[i] - minimum) / scale + 0.5)));
      double difference = w[i] - (scale * code + minimum);
      sum += h[i] * difference * difference;
    }
    return sum;
  }

  private static double fitted(float[] w, float[] h) {
    GroupGrid grid = new GroupGrid(GroupGrid.Effort.FULL);
    assertTrue(grid.fit(w, h, 0, w.length));
    assertTrue(grid.scale() >= Float16.MIN_NORMAL, "scale " + grid.scale());
    return error(w, h, grid.scale(), grid.minimum());
  }

  /** The minimum of the range would be a bias that adds up over the inputs. */
  @ParameterizedTest
  @ValueSource(doubles = {1e-3, 1e-4, 3e-5, 1e-5, 1e-6, 1e-7})
  void weightsTooSmallForAScaleAreNoWorseThanTheirMean(double deviation) {
    Random random = new Random(Seeds.of(3));
    for (int i = 0; i < 20; i++) {
      float[] w = normal(random, deviation);
      float[] h = importance(random, 1);
      double mean = 0;
      double sum = 0;
      for (int k = 0; k < GROUP; k++) {
        mean += h[k] * w[k];
        sum += h[k];
      }
      double constant = error(w, h, 1, mean / sum);
      double rounding = sum * 0x1p-50; // of a minimum that is a multiple of 2^-24, squared
      assertTrue(fitted(w, h) <= constant * 1.000001 + rounding, "group " + i);
    }
  }

  /** Two values less than a step apart still have two codes. */
  @ParameterizedTest
  @ValueSource(doubles = {0.6, 0.8, 0.95})
  void twoCloseValuesHaveTwoCodes(double steps) {
    float[] w = new float[GROUP];
    float[] ones = new float[GROUP];
    Arrays.fill(ones, 1);
    for (int i = 0; i < GROUP; i++) {
      w[i] = (float) (i % 2 * steps * Float16.MIN_NORMAL);
    }
    double apart = (1 - steps) * Float16.MIN_NORMAL / 2;
    assertEquals(GROUP * apart * apart, fitted(w, ones), GROUP * apart * apart * 0.01 + 1e-12);
  }

  @Test
  void aWeightThatCountsAloneIsExactAndOthersKeepTheirGrid() {
    float[] w = normal(new Random(5), 1);
    float[] h = new float[GROUP];
    h[9] = 1;
    GroupGrid grid = new GroupGrid(GroupGrid.Effort.FULL);
    assertTrue(grid.fit(w, h, 0, GROUP));
    assertEquals(0, error(w, h, grid.scale(), grid.minimum()), 1e-6);
    float[] ones = new float[GROUP];
    Arrays.fill(ones, 1);
    assertTrue(error(w, ones, grid.scale(), grid.minimum()) < GROUP * grid.scale() * grid.scale());
  }

  @Test
  void weightsThatDoNotCountHaveTheGridOfTheirRange() {
    float[] w = normal(new Random(6), 1);
    GroupGrid grid = new GroupGrid(GroupGrid.Effort.FULL);
    assertTrue(grid.fit(w, new float[GROUP], 0, GROUP));
    float[] ones = new float[GROUP];
    Arrays.fill(ones, 1);
    assertTrue(
        error(w, ones, grid.scale(), grid.minimum())
            <= GROUP * grid.scale() * grid.scale() / 4 + 1e-3);
  }
}
