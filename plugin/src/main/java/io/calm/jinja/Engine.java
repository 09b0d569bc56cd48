package io.calm.jinja;

import java.time.Clock;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The state of one rendering. */
final class Engine {
  private final Budget budget;
  private final Clock clock;
  private final Statements statements;
  private final Expressions expressions;
  private final Scope root;
  private Scope scope;
  private int line = 1;

  Engine(TemplateLimits limits, Clock clock) {
    this.budget = new Budget(limits);
    this.clock = clock;
    this.statements = new Statements(this);
    this.expressions = new Expressions(this);
    this.root = new Scope(new Scope(Globals.all()));
    this.scope = root;
  }

  String render(List<Stmt> template, List<Stmt.Block> blocks, Map<String, ?> variables) {
    Map<String, FunctionValue> self = new HashMap<>();
    for (Stmt.Block block : blocks) {
      self.put(
          block.name(),
          new FunctionValue(block.name(), (engine, arguments) -> statements.called(block)));
    }
    root.set("self", new SelfValue(self));
    variables.forEach((name, value) -> root.set(name, Convert.value(budget, name, value)));
    return statements.render(template);
  }

  Budget budget() {
    return budget;
  }

  Clock clock() {
    return clock;
  }

  Statements statements() {
    return statements;
  }

  Expressions expressions() {
    return expressions;
  }

  int line() {
    return line;
  }

  void at(SyntaxNode node) {
    line = node.line();
  }

  Scope scope() {
    return scope;
  }

  Scope root() {
    return root;
  }

  /** Sets the current scope and returns the previous one. */
  Scope enter(Scope next) {
    Scope before = scope;
    scope = next;
    return before;
  }

  /** Calls a value like Python's call operator. */
  Value call(Value callee, Arguments arguments) {
    if (callee instanceof FunctionValue function) {
      return call(function.body(), arguments);
    }
    if (callee instanceof MacroValue macro) {
      return call(macro, arguments);
    }
    if (callee instanceof LoopValue loop) {
      return loop.recurse(arguments);
    }
    if (callee instanceof JoinerValue joiner) {
      arguments.bind("joiner", "");
      return joiner.next();
    }
    if (callee instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    throw Fault.error("'%s' object is not callable", callee.type());
  }

  /** Calls a function and counts one reading of each string argument. */
  Value call(FunctionValue.Body body, Arguments arguments) {
    for (Value argument : arguments.positional()) {
      if (argument instanceof StringValue string) {
        budget.read(string.text().length());
      }
    }
    return body.call(this, arguments);
  }

  /** Renders a macro; assigns arguments to parameters like {@code jinja2.runtime.Macro}. */
  private Value call(MacroValue callee, Arguments arguments) {
    Stmt.Macro macro = callee.macro();
    String name = macro.name() == null ? "None" : Repr.quote(macro.name());
    Map<String, Value> named = new LinkedHashMap<>(arguments.named());
    int count = macro.parameters().size();
    int given = arguments.positional().size();
    budget.variables(count);
    Map<String, @Nullable Value> values = new HashMap<>();
    for (int i = 0; i < count; i++) {
      String parameter = macro.parameters().get(i).name();
      values.put(parameter, i < given ? arguments.positional().get(i) : named.remove(parameter));
    }
    Scope inner = new Scope(callee.scope());
    if (macro.special().contains("caller")) {
      Value caller = named.remove("caller");
      inner.set("caller", caller == null ? new UndefinedValue("No caller defined") : caller);
    }
    if (macro.special().contains("kwargs")) {
      DictValue.Builder rest = new DictValue.Builder(budget);
      named.forEach(rest::put);
      inner.set("kwargs", rest.build());
    } else if (!named.isEmpty()) {
      throw Fault.error(
          "macro %s takes no keyword argument %s",
          name, Repr.quote(named.keySet().iterator().next()));
    }
    if (macro.special().contains("varargs")) {
      inner.set(
          "varargs",
          budget.tuple(given > count ? arguments.positional().subList(count, given) : List.of()));
    } else if (given > count) {
      throw Fault.error("macro %s takes not more than %d argument(s)", name, count);
    }
    return statements.macro(macro, inner, values);
  }

  Value filter(String name, Value value, Arguments arguments) {
    return call(Filters.get(name), arguments.after(value));
  }

  boolean test(String name, Value value, Arguments arguments) {
    return Tests.get(name).call(this, arguments.after(value)).truth();
  }

  /** Returns Python's {@code str} of a value. */
  String text(Value value) {
    return Repr.text(budget, value);
  }
}
