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
  void aMixIsServedUnlessItIsWorseBeyondThePairedError() {
    assertTrue(served(0.05, 0.25, 0.15), "better");
    assertTrue(served(UNIFORM), "equal");
    assertTrue(served(0.1, 0.6, 0.0), "worse in the mean by 0.033, with an error of 0.145");
    assertFalse(served(0.11, 0.31, 0.21), "worse by 0.01 on every sequence");
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
  void theBestOfTheUniformPlansThatBeatTheMixIsServed() {
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
  void aPlanWithALowerMeanThatDoesNotBeatTheMixIsNotServed() {
    double[] mix = {0.3, 0.3, 0.3};
    Guard.Rival noisy = rival("noisy", 0.0, 0.7, 0.1);
    Guard.Rival steady = rival("steady", 0.29, 0.29, 0.29);
    QuantPlan.GuardResult guard = Guard.decide(mix, List.of(noisy, steady));
    assertEquals("steady", guard.uniform(), "better by 0.01 on every sequence");
    assertFalse(guard.mixServed());
    QuantPlan.GuardResult alone = Guard.decide(mix, List.of(noisy));
    assertTrue(alone.mixServed());
    assertEquals("noisy", alone.uniform());
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
