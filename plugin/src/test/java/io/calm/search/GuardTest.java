package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The guard's decisions between a mix and a uniform algorithm. */
class GuardTest {
  private static final double[] UNIFORM = {0.1, 0.3, 0.2};

  private static Guard.Rival rival(String name, double... kl) {
    return new Guard.Rival(name, 1, kl);
  }

  private static boolean served(double... mix) {
    return Guard.decide(mix, List.of(rival("gptq", UNIFORM))).mixServed();
  }

  @Test
  void aMixIsServedUnlessItsMeanIsHigher() {
    assertTrue(served(0.05, 0.25, 0.15), "better");
    assertTrue(served(UNIFORM), "equal");
    assertTrue(served(0.1, 0.5, -0.01), "better in the mean by 0.003, with an error of 0.12");
    assertFalse(served(0.1, 0.6, 0.0), "worse in the mean by 0.033, with an error of 0.145");
    assertFalse(served(0.11, 0.31, 0.21), "worse by 0.01 on every sequence");
  }

  /**
   * Sequences of Qwen2.5-Coder-1.5B, for which the mix was significantly worse on other text: the
   * fifth sequence alone made the standard error larger than the difference.
   */
  @Test
  void oneSequenceDoesNotHideThatTheMixIsWorse() {
    double[] mix = {0.0327, 0.0178, 0.0378, 0.0184, 0.0988, 0.0071, 0.0098, 0.0253};
    double[] gptq = {0.0328, 0.0172, 0.0410, 0.0160, 0.0086, 0.0067, 0.0097, 0.0300};
    QuantPlan.GuardResult guard = Guard.decide(mix, List.of(rival("gptq", gptq)));
    assertTrue(guard.pairedStandardError() > guard.mixKl() - guard.uniformKl());
    assertFalse(guard.mixServed());
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
  void aDivergenceThatIsNotFiniteLoses(double diverged) {
    double[] bad = {0.1, diverged, 0.2};
    assertFalse(Guard.decide(bad, List.of(rival("gptq", UNIFORM))).mixServed());
    assertTrue(Guard.decide(UNIFORM, List.of(rival("gptq", bad))).mixServed());
    QuantPlan.GuardResult neither = Guard.decide(bad, List.of(rival("gptq", bad.clone())));
    SearchException e = assertThrows(SearchException.class, () -> Guard.requireFinite(neither));
    assertTrue(e.getMessage().contains("the mix and of uniform-gptq"), e.getMessage());
  }

  @Test
  void theBestOfTheUniformPlansThatAreBetterThanTheMixIsServed() {
    Guard.Rival worse = rival("awq", 0.11, 0.31, 0.21);
    Guard.Rival better = rival("gptq", UNIFORM);
    double[] mix = {0.12, 0.32, 0.22};
    for (List<Guard.Rival> order : List.of(List.of(worse, better), List.of(better, worse))) {
      QuantPlan.GuardResult guard = Guard.decide(mix, order);
      assertEquals("gptq", guard.uniform());
      assertFalse(guard.mixServed());
      assertEquals(0.2, guard.uniformKl(), 1e-12);
      assertEquals(
          order.stream().map(Guard.Rival::algorithm).toList(),
          guard.uniforms().stream().map(QuantPlan.UniformResult::algorithm).toList());
    }
  }

  @Test
  void pairedStandardErrorIsThatOfTheDifferences() {
    assertEquals(0, Guard.pairedStandardError(new double[] {1, 2, 3}, new double[] {0, 1, 2}));
    assertEquals(
        Math.sqrt(1.0 / 3),
        Guard.pairedStandardError(new double[] {1, 2, 3}, new double[] {0, 2, 4}),
        1e-12);
    assertEquals(0, Guard.pairedStandardError(new double[] {1}, new double[] {0}), "one alone");
  }
}
