package io.calm.jinja;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Runs statements and collects their output. */
final class Statements implements Stmt.Visitor<Statements.Signal> {

  /** The control flow after a statement. */
  enum Signal {
    NEXT,
    BREAK,
    CONTINUE
  }

  private final Engine engine;
  private final Budget budget;
  private StringBuilder out = new StringBuilder();

  Statements(Engine engine) {
    this.engine = engine;
    this.budget = engine.budget();
  }

  String render(List<Stmt> template) {
    run(template);
    return out.toString();
  }

  private Signal run(List<Stmt> body) {
    budget.enter();
    Signal signal = Signal.NEXT;
    for (int i = 0; i < body.size() && signal == Signal.NEXT; i++) {
      Stmt statement = body.get(i);
      engine.at(statement);
      budget.work(1);
      signal = statement.accept(this);
    }
    budget.leave();
    return signal;
  }

  private Signal run(List<Stmt> body, Scope scope) {
    Scope before = engine.enter(scope);
    Signal signal = run(body);
    engine.enter(before);
    return signal;
  }

  private void write(String text) {
    budget.reserve(text.length());
    budget.output((long) out.length() + text.length());
    out.append(text);
  }

  private Value evaluate(Expr expression) {
    return engine.expressions().evaluate(expression);
  }

  @Override
  public Signal text(Stmt.Text node) {
    write(node.text());
    return Signal.NEXT;
  }

  @Override
  public Signal print(Stmt.Print node) {
    for (Expr expression : node.expressions()) {
      write(engine.text(evaluate(expression)));
    }
    return Signal.NEXT;
  }

  @Override
  public Signal branch(Stmt.If node) {
    for (Stmt.Branch branch : node.branches()) {
      if (evaluate(branch.test()).truth()) {
        return run(branch.body());
      }
    }
    return run(node.otherwise());
  }

  @Override
  public Signal loop(Stmt.For node) {
    Value items = evaluate(node.iterable());
    if (node.recursive()) {
      write(engine.text(recurse(node, engine.scope(), items, 0)));
      return Signal.NEXT;
    }
    return loop(node, engine.scope(), items, 0);
  }

  /** Renders a recursive loop over items. */
  Value recurse(Stmt.For node, Scope outer, Value items, int depth0) {
    StringBuilder before = swap(new StringBuilder());
    Scope scope = engine.enter(outer);
    loop(node, outer, items, depth0);
    engine.enter(scope);
    return budget.string(swap(before).toString());
  }

  private Signal loop(Stmt.For node, Scope outer, Value items, int depth0) {
    Iterator<Value> iterator = Iteration.of(budget, items);
    Expr test = node.test();
    OptionalInt length = OptionalInt.empty();
    if (test == null) {
      length = items instanceof IteratorValue ? length : Iteration.size(items);
    } else {
      iterator = Iteration.filter(iterator, item -> passes(node.target(), test, outer, item));
    }
    LoopValue loop = new LoopValue(engine, node, outer, depth0, iterator, length);
    boolean completed = false;
    for (Value item = loop.advance(); item != null; item = loop.advance()) {
      Scope scope = new Scope(outer);
      Scope before = engine.enter(scope);
      assign(node.target(), item);
      scope.set("loop", loop);
      Signal signal = run(node.body());
      engine.enter(before);
      if (signal == Signal.BREAK) {
        break;
      }
      // Jinja2 takes the else branch unless the end of the body has been reached once.
      completed |= signal == Signal.NEXT;
    }
    return completed ? Signal.NEXT : run(node.otherwise(), new Scope(outer));
  }

  private boolean passes(Target target, Expr test, Scope outer, Value item) {
    Scope before = engine.enter(new Scope(outer));
    assign(target, item);
    boolean passes = evaluate(test).truth();
    engine.enter(before);
    return passes;
  }

  @Override
  public Signal set(Stmt.Set node) {
    Value value = evaluate(node.value());
    engine.at(node);
    assign(node.target(), value);
    return Signal.NEXT;
  }

  private void assign(Target target, Value value) {
    if (target instanceof Target.Name name) {
      engine.scope().set(name.name(), value);
    } else if (target instanceof Target.Attribute attribute) {
      if (!(engine.scope().get(attribute.namespace()) instanceof NamespaceValue namespace)) {
        throw Fault.error("cannot assign attribute on non-namespace object");
      }
      namespace.set(attribute.name(), value);
    } else if (target instanceof Target.Unpack unpack) {
      unpack(unpack.targets(), value);
    }
  }

  private void unpack(List<Target> targets, Value value) {
    Iterator<Value> items;
    if (Iteration.possible(budget, value)) {
      items = Iteration.of(budget, value);
    } else {
      throw Fault.error("cannot unpack non-iterable %s object", value.type());
    }
    for (int i = 0; i < targets.size(); i++) {
      if (!items.hasNext()) {
        throw Fault.error("not enough values to unpack (expected %d, got %d)", targets.size(), i);
      }
      assign(targets.get(i), items.next());
    }
    if (items.hasNext()) {
      throw Fault.error("too many values to unpack (expected %d)", targets.size());
    }
  }

  @Override
  public Signal setBlock(Stmt.SetBlock node) {
    return capture(node.body(), node.value(), value -> assign(node.target(), value));
  }

  @Override
  public Signal filterBlock(Stmt.FilterBlock node) {
    return capture(node.body(), node.value(), value -> write(engine.text(value)));
  }

  /** Runs a body, applies filters to its text and passes the result to a consumer. */
  private Signal capture(List<Stmt> body, Expr value, Consumer<Value> consumer) {
    StringBuilder before = swap(new StringBuilder());
    Scope inner = new Scope(engine.scope());
    Signal signal = run(body, inner);
    StringValue text = budget.string(swap(before).toString());
    if (signal == Signal.NEXT) {
      Scope outer = engine.enter(inner);
      Value result = engine.expressions().evaluate(value, text);
      engine.enter(outer);
      consumer.accept(result);
    }
    return signal;
  }

  private StringBuilder swap(StringBuilder next) {
    StringBuilder before = out;
    out = next;
    return before;
  }

  @Override
  public Signal with(Stmt.With node) {
    List<Value> values = node.values().stream().map(this::evaluate).toList();
    Scope before = engine.enter(new Scope(engine.scope()));
    for (int i = 0; i < values.size(); i++) {
      assign(node.targets().get(i), values.get(i));
    }
    Signal signal = run(node.body());
    engine.enter(before);
    return signal;
  }

  @Override
  public Signal macro(Stmt.Macro node) {
    engine
        .scope()
        .set(node.name() == null ? "" : node.name(), new MacroValue(node, engine.scope()));
    return Signal.NEXT;
  }

  /** Renders a macro with assigned arguments; a null argument takes its default. */
  Value macro(Stmt.Macro node, Scope scope, Map<String, @Nullable Value> arguments) {
    StringBuilder buffer = swap(new StringBuilder());
    Scope before = engine.enter(scope);
    int count = node.parameters().size();
    for (Target.Name parameter : node.parameters()) {
      Value value = arguments.get(parameter.name());
      scope.set(
          parameter.name(), value == null ? UndefinedValue.parameter(parameter.name()) : value);
    }
    for (int i = count - node.defaults().size(); i < count; i++) {
      String name = node.parameters().get(i).name();
      if (arguments.get(name) == null) {
        scope.set(name, evaluate(node.defaults().get(i - count + node.defaults().size())));
      }
    }
    run(node.body());
    engine.enter(before);
    return budget.string(swap(buffer).toString());
  }

  @Override
  public Signal callBlock(Stmt.CallBlock node) {
    Value caller = new MacroValue(node.caller(), engine.scope());
    write(engine.text(engine.expressions().callWithBlock(node.call(), caller)));
    return Signal.NEXT;
  }

  @Override
  public Signal block(Stmt.Block node) {
    return run(node.body(), new Scope(node.scoped() ? engine.scope() : engine.root()));
  }

  /** Renders a named block that a template calls as {@code self.name()}. */
  Value called(Stmt.Block node) {
    StringBuilder before = swap(new StringBuilder());
    run(node.body(), new Scope(engine.root()));
    return budget.string(swap(before).toString());
  }

  @Override
  public Signal scope(Stmt.Scope node) {
    return run(node.body(), new Scope(engine.scope()));
  }

  @Override
  public Signal jump(Stmt.Jump node) {
    return node.ends() ? Signal.BREAK : Signal.CONTINUE;
  }
}
