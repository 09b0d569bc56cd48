package io.calm.quantize;

import io.calm.quant.AlgorithmName;
import io.calm.search.QuantPlan;
import io.calm.settings.BaselineChoice;

/** The uniform plan that a served artifact is compared with, its uniform twin. */
public sealed interface Baseline {

  /** Returns the reason for the choice, in one sentence without a full stop. */
  String reason();

  /**
   * No uniform plan, because it is off or there is none.
   *
   * @param reason the reason
   */
  record None(String reason) implements Baseline {}

  /**
   * A uniform plan.
   *
   * @param algorithm its only algorithm
   * @param identical whether its blocks are the served ones, so that the twin is the served
   *     artifact
   * @param stored whether an artifact of it exists; otherwise it is made on first use
   * @param reason the reason for the choice
   */
  record Uniform(AlgorithmName algorithm, boolean identical, boolean stored, String reason)
      implements Baseline {
    /** Returns the name of the variant, e.g. {@code uniform-gptq}. */
    public String variant() {
      return QuantPlan.uniform(algorithm.text());
    }

    /** Returns the plan with another state of its artifact. */
    Uniform stored(boolean isStored) {
      return new Uniform(algorithm, identical, isStored, reason);
    }
  }

  /** Selects the uniform plan for a served plan; whether it is stored is not known. */
  static Baseline select(BaselineChoice choice, QuantPlan served) {
    if (choice instanceof BaselineChoice.Off) {
      return new None("calm.baseline=off");
    }
    if (choice instanceof BaselineChoice.AfterSearch) {
      return new None(
          "calm.warm-start=rtn: the comparison starts when the result of the search replaces this"
              + " plan");
    }
    String uniform = served.servedUniform().orElse("");
    if (choice instanceof BaselineChoice.Named named) {
      boolean same = named.algorithm().text().equals(uniform);
      String reason = "calm.baseline=" + named.setting();
      return new Uniform(
          named.algorithm(), same, same, same ? reason + ", which is what is served" : reason);
    }
    if (!uniform.isEmpty()) {
      return new Uniform(
          new AlgorithmName(uniform),
          true,
          true,
          "the served plan is uniform: all blocks use " + uniform);
    }
    return served
        .guard()
        .map(QuantPlan.GuardResult::uniform)
        .map(
            name ->
                uniform(
                    name,
                    "of the uniform plans that the search made, it is closest to full"
                        + " precision"))
        .or(
            () ->
                served
                    .lowestErrors()
                    .map(
                        name ->
                            uniform(
                                name,
                                "of the uniform plans, its blocks' errors have the"
                                    + " lowest sum in the search")))
        .orElseGet(() -> new None("no algorithm alone could quantize every block"));
  }

  private static Baseline uniform(String name, String reason) {
    return new Uniform(new AlgorithmName(name), false, false, reason);
  }
}
