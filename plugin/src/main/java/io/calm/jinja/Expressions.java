package io.calm.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Evaluates expressions. A chain of heads is evaluated in a loop, so only other operands use Java's
 * stack.
 */
final class Expressions implements Expr.Visitor<Value> {
  private final Engine engine;
  private final Budget budget;
  private StringValue captured = StringValue.EMPTY;

  Expressions(Engine engine) {
    this.engine = engine;
    this.budget = engine.budget();
  }

  Value evaluate(Expr expression) {
    budget.enter();
    Value result = chain(expression);
    budget.leave();
    return result;
  }

  /** Evaluates the filters of a block on its text. */
  Value evaluate(Expr expression, StringValue text) {
    StringValue before = captured;
    captured = text;
    Value result = evaluate(expression);
    captured = before;
    return result;
  }

  private Value chain(Expr expression) {
    Expr head = expression.head();
    if (head == null) {
      return step(expression, NoneValue.NONE);
    }
    Deque<Expr> chain = new ArrayDeque<>();
    Expr first = expression;
    while (head != null) {
      chain.push(first);
      first = head;
      head = first.head();
    }
    Value value = step(first, NoneValue.NONE);
    while (!chain.isEmpty()) {
      value = step(chain.pop(), value);
    }
    return value;
  }

  private Value step(Expr expression, Value head) {
    budget.work(1);
    engine.at(expression);
    return expression.accept(this, head);
  }

  private List<Value> all(List<Expr> expressions) {
    List<Value> values = new ArrayList<>();
    for (Expr expression : expressions) {
      values.add(evaluate(expression));
    }
    return values;
  }

  private @Nullable Value optional(@Nullable Expr expression) {
    return expression == null ? null : evaluate(expression);
  }

  @Override
  public Value literal(Expr.Literal node) {
    return node.value();
  }

  @Override
  public Value name(Expr.Name node) {
    return engine.scope().get(node.name());
  }

  @Override
  public Value captured(Expr.Captured node) {
    return captured;
  }

  @Override
  public Value tuple(Expr.TupleOf node) {
    return budget.tuple(all(node.items()));
  }

  @Override
  public Value list(Expr.ListOf node) {
    return budget.list(all(node.items()));
  }

  @Override
  public Value dict(Expr.DictOf node) {
    DictValue.Builder dict = new DictValue.Builder(budget);
    for (int i = 0; i < node.keys().size(); i++) {
      Value key = evaluate(node.keys().get(i));
      dict.put(key, evaluate(node.values().get(i)));
    }
    return dict.build();
  }

  @Override
  public Value unary(Expr.Unary node, Value head) {
    return node.operator() == Expr.UnaryOperator.NOT
        ? BoolValue.of(!head.truth())
        : Arithmetic.unary(head, node.operator() == Expr.UnaryOperator.NEGATE);
  }

  @Override
  public Value binary(Expr.Binary node, Value head) {
    Value right = evaluate(node.right());
    engine.at(node);
    return Arithmetic.binary(engine, node.operator(), head, right);
  }

  @Override
  public Value logic(Expr.Logic node, Value head) {
    return head.truth() == node.and() ? evaluate(node.right()) : head;
  }

  @Override
  public Value compare(Expr.Compare node, Value head) {
    Value left = head;
    for (int i = 0; i < node.operators().size(); i++) {
      Value right = evaluate(node.operands().get(i));
      engine.at(node);
      if (!Comparisons.holds(budget, node.operators().get(i), left, right)) {
        return BoolValue.FALSE;
      }
      left = right;
    }
    return BoolValue.TRUE;
  }

  @Override
  public Value concat(Expr.Concat node, Value head) {
    List<String> texts = new ArrayList<>();
    texts.add(engine.text(head));
    for (Expr other : node.others()) {
      texts.add(engine.text(evaluate(other)));
    }
    engine.at(node);
    return PyText.join(budget, "", texts);
  }

  @Override
  public Value conditional(Expr.Conditional node, Value head) {
    if (head.truth()) {
      return evaluate(node.then());
    }
    Expr otherwise = node.otherwise();
    return otherwise == null
        ? new UndefinedValue(
            "the inline if-expression on line %d evaluated to false and no else section was defined."
                .formatted(node.line()))
        : evaluate(otherwise);
  }

  @Override
  public Value attribute(Expr.Attribute node, Value head) {
    return Attributes.attribute(engine, head, node.name());
  }

  @Override
  public Value item(Expr.Item node, Value head) {
    Value index = evaluate(node.index());
    engine.at(node);
    return Attributes.item(engine, head, index);
  }

  @Override
  public Value slice(Expr.Slice node, Value head) {
    Value start = optional(node.start());
    Value stop = optional(node.stop());
    Value step = optional(node.step());
    engine.at(node);
    return Slices.slice(budget, head, start, stop, step);
  }

  @Override
  public Value call(Expr.Call node, Value head) {
    Arguments arguments = arguments(node.arguments(), null);
    engine.at(node);
    return engine.call(head, arguments);
  }

  /** Evaluates the call of a call block. */
  Value callWithBlock(Expr.Call node, Value caller) {
    Value callee = evaluate(node.head());
    Arguments arguments = arguments(node.arguments(), caller);
    engine.at(node);
    budget.enter();
    Value result = engine.call(callee, arguments);
    budget.leave();
    return result;
  }

  @Override
  public Value filter(Expr.Filter node, Value head) {
    Arguments arguments = arguments(node.arguments(), null);
    engine.at(node);
    return engine.filter(node.name(), head, arguments);
  }

  @Override
  public Value test(Expr.Test node, Value head) {
    Arguments arguments = arguments(node.arguments(), null);
    engine.at(node);
    return BoolValue.of(engine.test(node.name(), head, arguments));
  }

  private Arguments arguments(CallArguments node, @Nullable Value caller) {
    if (node.all().isEmpty() && caller == null) {
      return Arguments.NONE;
    }
    List<Value> positional = all(node.positional());
    Map<String, Value> named = new LinkedHashMap<>();
    for (int i = 0; i < node.names().size(); i++) {
      budget.variables(1);
      named.put(node.names().get(i), evaluate(node.named().get(i)));
    }
    Value more = optional(node.more());
    if (more != null) {
      positional.addAll(Iteration.list(budget, more));
    }
    Value moreNamed = optional(node.moreNamed());
    if (moreNamed != null) {
      addAll(named, moreNamed);
    }
    if (caller != null && named.put("caller", caller) != null) {
      throw Fault.error("got multiple values for keyword argument 'caller'");
    }
    return new Arguments(positional, named);
  }

  private void addAll(Map<String, Value> named, Value more) {
    if (!(more instanceof DictValue dict)) {
      throw Fault.error("argument after ** must be a mapping, not %s", more.type());
    }
    budget.variables(dict.size());
    for (DictValue.Entry entry : dict.entries()) {
      if (!(entry.key() instanceof StringValue key)) {
        throw Fault.error("keywords must be strings");
      }
      if (named.put(key.text(), entry.value()) != null) {
        throw Fault.error("got multiple values for keyword argument '%s'", key.text());
      }
    }
  }
}
