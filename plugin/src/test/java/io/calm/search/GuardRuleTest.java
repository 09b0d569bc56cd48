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
class GuardRuleTest {
  private static final double[] UNIFORM = {0.1, 0.3, 0.2};

  private static GuardRule.Rival rival(String name, double... kl) {
    return new GuardRule.Rival(name, 1, kl);
  }

  private static boolean served(double... mix) {
    return GuardRule.decide(true, mix, List.of(rival("gptq", UNIFORM))).mixServed();
  }

  @Test
  void aMixIsServedOnlyIfItIsLowerByItsStandardError() {
    assertTrue(served(0.05, 0.25, 0.15), "lower by 0.05 on every sequence");
    assertTrue(served(0.1, 0.2, 0.15), "lower by 0.05 in the mean, with an error of 0.029");
    assertFalse(served(0.1, 0.25, 0.23), "lower by 0.007 in the mean, with an error of 0.023");
    assertFalse(served(UNIFORM), "equal");
    assertFalse(served(0.11, 0.31, 0.21), "higher by 0.01 on every sequence");
  }

  @Test
  void theReasonSaysWhatAMixOfALowerMeanLacks() {
    String lacking = "the mix is not better by at least that standard error";
    double[] slightly = {0.1, 0.25, 0.23};
    double[] higher = {0.11, 0.31, 0.21};
    double[] lower = {0.05, 0.25, 0.15};
    assertTrue(reason(slightly).contains(lacking), reason(slightly));
    assertFalse(reason(higher).contains(lacking), reason(higher));
    assertTrue(reason(lower).endsWith("the mix is served"), reason(lower));
  }

  private static String reason(double[] mix) {
    return GuardRule.reason(GuardRule.decide(true, mix, List.of(rival("gptq", UNIFORM))));
  }

  @Test
  void theLowerMeanDecidesBetweenTwoUniformPlans() {
    List<GuardRule.Rival> rivals = List.of(rival("gptq", UNIFORM));
    assertTrue(GuardRule.decide(false, new double[] {0.1, 0.25, 0.23}, rivals).mixServed());
    assertTrue(GuardRule.decide(false, UNIFORM, rivals).mixServed(), "equal");
    assertFalse(GuardRule.decide(false, new double[] {0.1, 0.35, 0.18}, rivals).mixServed());
  }

  @Test
  void oneSequenceIsNoEvidence() {
    assertFalse(
        GuardRule.decide(true, new double[] {0.1}, List.of(rival("gptq", 0.2))).mixServed());
  }

  /** The divergences of a mix with {@code awq} in four blocks, which is worse on other text. */
  @Test
  void aDifferenceWithinItsErrorIsNoEvidence() {
    double[] gptq = {0.0328, 0.0172, 0.0410, 0.0160, 0.0086, 0.0067, 0.0097, 0.0300};
    double[] mix = {0.0308, 0.0190, 0.0365, 0.0172, 0.0081, 0.0070, 0.0102, 0.0286};
    QuantPlan.GuardResult guard = GuardRule.decide(true, mix, List.of(rival("gptq", gptq)));
    assertTrue(guard.mixKl() < guard.uniformKl());
    assertTrue(guard.uniformKl() - guard.mixKl() < guard.pairedStandardError());
    assertFalse(guard.mixServed());
  }

  /**
   * Sequences of Qwen2.5-Coder-1.5B, for which the mix was significantly worse on other text: the
   * fifth sequence alone made the standard error larger than the difference.
   */
  @Test
  void oneSequenceDoesNotHideThatTheMixIsWorse() {
    double[] mix = {0.0327, 0.0178, 0.0378, 0.0184, 0.0988, 0.0071, 0.0098, 0.0253};
    double[] gptq = {0.0328, 0.0172, 0.0410, 0.0160, 0.0086, 0.0067, 0.0097, 0.0300};
    QuantPlan.GuardResult guard = GuardRule.decide(true, mix, List.of(rival("gptq", gptq)));
    assertTrue(guard.pairedStandardError() > guard.mixKl() - guard.uniformKl());
    assertFalse(guard.mixServed());
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
  void aDivergenceThatIsNotFiniteLoses(double diverged) {
    double[] bad = {0.1, diverged, 0.2};
    assertFalse(GuardRule.decide(true, bad, List.of(rival("gptq", UNIFORM))).mixServed());
    assertTrue(GuardRule.decide(true, UNIFORM, List.of(rival("gptq", bad))).mixServed());
    QuantPlan.GuardResult neither =
        GuardRule.decide(true, bad, List.of(rival("gptq", bad.clone())));
    SearchException e = assertThrows(SearchException.class, () -> GuardRule.requireFinite(neither));
    assertTrue(e.getMessage().contains("the mix and of uniform-gptq"), e.getMessage());
  }

  @Test
  void theBestOfTheUniformPlansThatAreBetterThanTheMixIsServed() {
    GuardRule.Rival worse = rival("awq", 0.11, 0.31, 0.21);
    GuardRule.Rival better = rival("gptq", UNIFORM);
    double[] mix = {0.12, 0.32, 0.22};
    for (List<GuardRule.Rival> order : List.of(List.of(worse, better), List.of(better, worse))) {
      QuantPlan.GuardResult guard = GuardRule.decide(true, mix, order);
      assertEquals("gptq", guard.uniform());
      assertFalse(guard.mixServed());
      assertEquals(0.2, guard.uniformKl(), 1e-12);
      assertEquals(
          order.stream().map(GuardRule.Rival::algorithm).toList(),
          guard.uniforms().stream().map(QuantPlan.UniformResult::algorithm).toList());
    }
  }
}
