package io.calm.jinja;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Finds loops over a member of a list's elements. Tracks the names that hold the list, its elements
 * and the member; ignores their scopes. vLLM uses the same method to find out whether a template
 * iterates over content parts.
 */
final class MemberLoops {
  private static final Set<String> WALKING = Set.of("map", "selectattr", "rejectattr");

  private final String member;
  private final Set<String> lists = new HashSet<>();
  private final Set<String> elements = new HashSet<>();
  private final Set<String> members = new HashSet<>();
  private final Map<String, Stmt.Macro> macros = new HashMap<>();
  private boolean looped;
  private boolean tested;

  MemberLoops(List<Stmt> template, String list, String member) {
    this.member = member;
    lists.add(list);
    SyntaxNode.walk(template, this::macro);
    int before = 0;
    int after = 1;
    while (after > before) {
      before = after;
      SyntaxNode.walk(template, this::visit);
      after = lists.size() + elements.size() + members.size();
    }
  }

  boolean exist() {
    return looped;
  }

  boolean testedForString() {
    return tested;
  }

  private void macro(SyntaxNode node) {
    if (node instanceof Stmt.Macro macro && macro.name() != null) {
      macros.put(macro.name(), macro);
    }
  }

  private void visit(SyntaxNode node) {
    if (node instanceof Stmt.Set set) {
      assign(set.target(), set.value());
    } else if (node instanceof Stmt.With with) {
      for (int i = 0; i < with.values().size(); i++) {
        assign(with.targets().get(i), with.values().get(i));
      }
    } else if (node instanceof Stmt.For loop) {
      if (loop.target() instanceof Target.Name name && isList(loop.iterable())) {
        elements.add(name.name());
      }
      looped |= isMember(loop.iterable());
    } else if (node instanceof Expr.Filter filter) {
      looped |= WALKING.contains(filter.name()) && isMember(filter.head());
    } else if (node instanceof Expr.Test test) {
      tested |= test.name().equals("string") && isMember(test.head());
    } else if (node instanceof Expr.Call call && call.head() instanceof Expr.Name name) {
      Stmt.Macro macro = macros.get(name.name());
      if (macro != null) {
        pass(macro, call.arguments());
      }
    }
  }

  private void pass(Stmt.Macro macro, CallArguments arguments) {
    int count = Math.min(macro.parameters().size(), arguments.positional().size());
    for (int i = 0; i < count; i++) {
      assign(macro.parameters().get(i), arguments.positional().get(i));
    }
    for (int i = 0; i < arguments.names().size(); i++) {
      String name = arguments.names().get(i);
      for (Target.Name parameter : macro.parameters()) {
        if (parameter.name().equals(name)) {
          assign(parameter, arguments.named().get(i));
        }
      }
    }
  }

  private void assign(Target target, Expr value) {
    if (!(target instanceof Target.Name name)) {
      return;
    }
    if (value instanceof Expr.Conditional choice) {
      assign(target, choice.then());
      if (choice.otherwise() != null) {
        assign(target, choice.otherwise());
      }
      return;
    }
    if (isList(value)) {
      lists.add(name.name());
    } else if (isElement(value)) {
      elements.add(name.name());
    } else if (isMember(value)) {
      members.add(name.name());
    }
  }

  /** Returns an expression without its filters and slices. */
  private static Expr bare(Expr expression) {
    Expr result = expression;
    while (result instanceof Expr.Filter || result instanceof Expr.Slice) {
      Expr head = result.head();
      if (head == null) {
        break;
      }
      result = head;
    }
    return result;
  }

  private boolean isList(Expr expression) {
    return bare(expression) instanceof Expr.Name name && lists.contains(name.name());
  }

  private boolean isElement(Expr expression) {
    Expr bare = bare(expression);
    return bare instanceof Expr.Name name
        ? elements.contains(name.name())
        : bare instanceof Expr.Item item
            && !(literal(item.index()) instanceof StringValue)
            && isList(item.head());
  }

  private boolean isMember(Expr expression) {
    Expr bare = bare(expression);
    if (bare instanceof Expr.Name name) {
      return members.contains(name.name());
    }
    if (bare instanceof Expr.Attribute attribute) {
      return attribute.name().equals(member) && isElement(attribute.head());
    }
    if (bare instanceof Expr.Item item) {
      return isName(item.index()) && isElement(item.head());
    }
    return bare instanceof Expr.Call call
        && call.head() instanceof Expr.Attribute method
        && method.name().equals("get")
        && !call.arguments().positional().isEmpty()
        && isName(call.arguments().positional().get(0))
        && isElement(method.head());
  }

  private boolean isName(Expr expression) {
    return literal(expression) instanceof StringValue text && text.text().equals(member);
  }

  private static Value literal(Expr expression) {
    return expression instanceof Expr.Literal literal ? literal.value() : NoneValue.NONE;
  }
}
