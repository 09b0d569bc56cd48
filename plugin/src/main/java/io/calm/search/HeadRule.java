package io.calm.search;

import io.calm.quant.Rounding;
import io.calm.tensor.TableFormat;

/** How the format of the lm_head is found ({@code calm.lm-head}). */
public sealed interface HeadRule {

  /**
   * It is given, and made of the weights alone.
   *
   * @param format any but int4
   */
  record Given(TableFormat format) implements HeadRule {}

  /**
   * An int4 table is rounded on the head's inputs and judged on held-out sequences ({@link
   * HeadTrial}).
   *
   * @param rounding of the table
   * @param always whether it is taken whatever it costs; else int8 where it costs too much, or
   *     where a plan has no sequences to judge on
   */
  record Rounded(Rounding rounding, boolean always) implements HeadRule {}

  /** Returns what a plan says that has no sequences. */
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
