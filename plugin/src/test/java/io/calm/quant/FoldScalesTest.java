package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.tensor.Matrix;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The scales of AWQ (arXiv 2306.00978, section 3.2) and SmoothQuant (arXiv 2211.10438, equation 4)
 * by hand. There are two kinds of channels, even and odd ones. Each scales two inputs: its own in
 * the first half and its own in the second.
 */
class FoldScalesTest {
  private static final int CHANNELS = 32;
  private static final Pattern DETAIL = Pattern.compile("alpha (.+), error (.+) of (.+)");

  /** abs(x) on half of the tokens and on the others; by half of the inputs and kind of channel. */
  private static final float[][][] MAGNITUDES = {{{20, 60}, {1, 1}}, {{20, 20}, {1, 5}}};

  /** The largest abs(w), likewise. */
  private static final float[][] PEAKS = {{0.25f, 1}, {0.5f, 0.75f}};

  private static Matrix weight(SplittableRandom random) {
    Matrix weight = Matrix.allocate(24, 2 * CHANNELS);
    for (int n = 0; n < weight.rows(); n++) {
      for (int k = 0; k < weight.columns(); k++) {
        double share = n == 0 ? 1 : random.nextDouble(-1, 1);
        weight.set(n, k, PEAKS[k / CHANNELS][k % 2] * (float) share);
      }
    }
    return weight;
  }

  private static Matrix inputs(SplittableRandom random) {
    Matrix inputs = Matrix.allocate(200, 2 * CHANNELS);
    for (int t = 0; t < inputs.rows(); t++) {
      for (int k = 0; k < inputs.columns(); k++) {
        float magnitude = MAGNITUDES[k / CHANNELS][k % 2][t % 2];
        inputs.set(t, k, random.nextBoolean() ? magnitude : -magnitude);
      }
    }
    return inputs;
  }

  /** A choice, with the figures of its detail. */
  @SuppressWarnings("ArrayRecordComponent") // a bulk value, passed once
  private record Chosen(float[] scales, double alpha, double identityError) {}

  private static Chosen choose(String algorithm, long seed) {
    Quantizer quantizer = Quantizers.load().get(new AlgorithmName(algorithm));
    SplittableRandom random = new SplittableRandom(seed);
    try (LinearStage stage = new LinearStage(weight(random), inputs(random), 32).tied();
        StageProblem problem = stage.problem()) {
      Fold.Choice choice =
          quantizer.fold().orElseThrow().choose(problem, quantizer.rounding().orElseThrow());
      Matcher detail = DETAIL.matcher(choice.detail());
      assertTrue(detail.matches(), choice.detail());
      return new Chosen(
          choice.scales(),
          Double.parseDouble(detail.group(1)),
          Double.parseDouble(detail.group(3)));
    }
  }

  /** Asserts the ratio of the scales of even and odd channels, whose product is 1. */
  private static void requireRatio(DoubleUnaryOperator ratio, Chosen chosen) {
    float first = (float) Math.sqrt(ratio.applyAsDouble(chosen.alpha()));
    float[] expected = new float[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      expected[c] = c % 2 == 0 ? first : 1 / first;
    }
    assertArrayEquals(expected, chosen.scales(), 1e-5f * first, "alpha " + chosen.alpha());
  }

  /** mean abs(x) is (40 + 20) / 2 in even channels and (1 + 3) / 2 in odd ones. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void awq(long seed) {
    Chosen chosen = choose("awq", seed);
    requireRatio(alpha -> Math.pow(30 / 2.0, alpha), chosen);
    assertEquals(Math.rint(20 * chosen.alpha()), 20 * chosen.alpha(), 1e-9, "one of 20 values");
  }

  /** max abs(x) is 60 and 5, max abs(w) 1/2 and 1. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void smoothQuant(long seed) {
    Chosen chosen = choose("smoothquant", seed);
    requireRatio(alpha -> Math.pow(60 / 5.0, alpha) / Math.pow(0.5 / 1, 1 - alpha), chosen);
    assertEquals(Math.rint(10 * chosen.alpha()), 10 * chosen.alpha(), 1e-9, "a tenth");
    assertNotEquals(0.5, chosen.alpha(), "1 - alpha would be alpha: the test tests nothing");
  }

  /** AWQ's grids follow the inputs of most energy; SmoothQuant's treat all weights alike. */
  @Test
  void onlyTheGridsOfAwqAreWeighted() {
    for (long seed = 1; seed <= 4; seed++) {
      double weighted = choose("awq", seed).identityError();
      double plain = choose("smoothquant", seed).identityError();
      assertTrue(weighted < 0.9 * plain, "seed %d: %g, %g".formatted(seed, weighted, plain));
    }
  }
}
