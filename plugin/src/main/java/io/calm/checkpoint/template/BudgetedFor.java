package io.calm.checkpoint.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.ForTag;
import com.hubspot.jinjava.tree.TagNode;

/** The loop tag, with a limit on the loops that one rendering may start. */
final class BudgetedFor extends ForTag {
  private static final String KEY = "calm loop budget";
  private static final int LOOPS = 20_000;

  /** Loops that are left. */
  private static final class Budget {
    private int left = LOOPS;
  }

  /** Returns the variable that every rendering needs; no template can name it. */
  static String key() {
    return KEY;
  }

  static Object budget() {
    return new Budget();
  }

  @Override
  public String interpret(TagNode node, JinjavaInterpreter interpreter) {
    if (!(interpreter.getContext().get(KEY) instanceof Budget budget) || budget.left-- <= 0) {
      throw new IllegalStateException("more than " + LOOPS + " loops");
    }
    return super.interpret(node, interpreter);
  }
}
