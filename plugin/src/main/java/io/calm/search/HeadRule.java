package io.calm.search;

import io.calm.quant.Rounding;
import io.calm.tensor.TableFormat;

/** The rule that decides the format of the lm_head ({@code calm.lm-head}). */
public sealed interface HeadRule {

  /**
   * A given format, which is computed from the weights alone.
   *
   * @param format any but int4
   */
  record Given(TableFormat format) implements HeadRule {}

  /**
   * An int4 table that is rounded on the inputs of the head and judged on held-out sequences
   * ({@link HeadTrial}).
   *
   * @param rounding rounding of the table
   * @param always whether int4 is taken at any cost; otherwise int8 replaces it if it costs too
   *     much, or if a plan has no sequences to judge it on
   */
  record Rounded(Rounding rounding, boolean always) implements HeadRule {}

  /** Returns the head of a plan that has no sequences to judge it on. */
  default QuantPlan.Head withoutSequences() {
    if (this instanceof Given given) {
      return QuantPlan.Head.given(given.format(), "calm.lm-head=" + given.format().setting());
    }
    return ((Rounded) this).always()
        ? QuantPlan.Head.given(TableFormat.INT4, "calm.lm-head=int4, nearest codes")
        : QuantPlan.Head.given(
            TableFormat.INT8, "the plan uses weights alone: no sequences to judge int4 on");
  }
}
