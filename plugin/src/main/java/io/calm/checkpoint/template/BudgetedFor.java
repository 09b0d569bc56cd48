package io.calm.checkpoint.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.ForTag;
import com.hubspot.jinjava.tree.TagNode;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The loop tag, with a limit on the iterations of one rendering. */
final class BudgetedFor extends ForTag {
  private static final String KEY = "calm loop budget";
  private static final int ITERATIONS = 1_000_000;

  /** Iterations that are left. */
  private static final class Budget {
    private long left = ITERATIONS;
  }

  /** Returns the variable that every rendering needs; no template can name it. */
  static String key() {
    return KEY;
  }

  static Object budget() {
    return new Budget();
  }

  @Override
  public String renderForCollection(
      TagNode node, JinjavaInterpreter interpreter, List<String> variables, Object collection) {
    if (interpreter.getContext().get(KEY) instanceof Budget budget) {
      budget.left -= 1 + size(collection);
      if (budget.left >= 0) {
        return super.renderForCollection(node, interpreter, variables, collection);
      }
    }
    throw new TemplateFault("a chat template may not loop more than " + ITERATIONS + " times");
  }

  private static int size(@Nullable Object collection) {
    if (collection instanceof Map<?, ?> map) {
      return map.size();
    }
    return collection instanceof Collection<?> several ? several.size() : 0;
  }
}
