package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.testing.Seeds;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LogSoftmaxTest {

  @Test
  void exponentialsAreThoseOfTheMathLibrary() {
    double[] values = new double[8001];
    for (int i = 0; i < values.length; i++) {
      values[i] = -i / 100.0;
    }
    double[] expected = values.clone();
    LogSoftmax.exponentials(values);
    for (int i = 0; i < values.length; i++) {
      double exact = StrictMath.exp(expected[i]);
      assertEquals(exact, values[i], 1e-12 * exact, "e^" + expected[i]);
    }
  }

  @Test
  void theLargestIsExactlyOneAndVerySmallOnesVanish() {
    double[] values = {0, -80, -1000, Double.NEGATIVE_INFINITY};
    LogSoftmax.exponentials(values);
    assertEquals(1.0, values[0]);
    for (int i = 1; i < values.length; i++) {
      assertEquals(1.8e-35, values[i], 1e-36);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 8, 9, 100, 2048})
  void theSumAndTheDivergenceAreTheDefinitions(int vocabulary) {
    Random random = new Random(Seeds.of(vocabulary));
    float[] a = new float[vocabulary];
    float[] b = new float[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      a[i] = (float) (30 + 5 * random.nextGaussian());
      b[i] = a[i] + (float) random.nextGaussian();
    }
    LogSoftmax own = new LogSoftmax(vocabulary).measure(a);
    LogSoftmax others = new LogSoftmax(vocabulary).measure(b);
    assertEquals(logSum(a), own.logSum(), 1e-11);
    double kl = 0;
    for (int i = 0; i < vocabulary; i++) {
      double logP = a[i] - logSum(a);
      kl += Math.exp(logP) * (logP - (b[i] - logSum(b)));
    }
    assertEquals(kl, own.divergence(a, others, b), 1e-11);
    assertEquals(0.0, own.divergence(a, own, a), "exactly");
  }

  @Test
  void theBestIsTheFirstMaximum() {
    assertEquals(1, new LogSoftmax(4).measure(new float[] {-3, 2, 2, 1}).best());
  }

  private static double logSum(float[] logits) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    return Math.log(sum);
  }
}
