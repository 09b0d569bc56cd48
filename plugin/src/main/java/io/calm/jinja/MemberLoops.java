package io.calm.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Finds loops over a member of a list's elements. Tracks the names that hold the list, its elements
 * and the member; ignores their scopes. vLLM uses the same method to find out whether a template
 * iterates over content parts.
 *
 * <p>The result is that of passes over the whole template until a pass finds nothing new. What a
 * use of a name says depends on this name only, so a pass evaluates only the uses of names that
 * hold more than before. The time is quasilinear in the template's size.
 */
final class MemberLoops {
  private static final Set<String> WALKING = Set.of("map", "selectattr", "rejectattr");

  private final String member;
  private final Set<String> lists = new HashSet<>();
  private final Set<String> elements = new HashSet<>();
  private final Set<String> members = new HashSet<>();
  private final Map<String, Stmt.Macro> macros = new HashMap<>();
  private final IdentityHashMap<Expr, Expr> bare = new IdentityHashMap<>();
  private final List<Runnable> uses = new ArrayList<>(); // in the order of the template
  private final Map<String, List<Integer>> usesOf = new HashMap<>();
  private TreeSet<Integer> pass = new TreeSet<>();
  private TreeSet<Integer> nextPass = new TreeSet<>();
  private int at = -1;
  private boolean looped;
  private boolean tested;

  MemberLoops(List<Stmt> template, String list, String member) {
    this.member = member;
    SyntaxNode.walk(template, this::macro);
    SyntaxNode.walk(template, this::visit);
    add(lists, list);
    while (!pass.isEmpty()) {
      at = pass.first();
      pass.remove(at);
      uses.get(at).run();
      if (pass.isEmpty()) {
        TreeSet<Integer> empty = pass;
        pass = nextPass;
        nextPass = empty;
      }
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
      use(loop.iterable(), () -> loop(loop));
    } else if (node instanceof Expr.Filter filter && WALKING.contains(filter.name())) {
      use(filter.head(), () -> looped |= isMember(filter.head()));
    } else if (node instanceof Expr.Test test && test.name().equals("string")) {
      use(test.head(), () -> tested |= isMember(test.head()));
    } else if (node instanceof Expr.Call call && call.head() instanceof Expr.Name name) {
      Stmt.Macro macro = macros.get(name.name());
      if (macro != null) {
        pass(macro, call.arguments());
      }
    }
  }

  private void loop(Stmt.For loop) {
    if (loop.target() instanceof Target.Name name && isList(loop.iterable())) {
      add(elements, name.name());
    }
    looped |= isMember(loop.iterable());
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
    Deque<Expr> choices = new ArrayDeque<>(List.of(value));
    while (!choices.isEmpty()) {
      Expr chosen = choices.pop();
      if (!(chosen instanceof Expr.Conditional choice)) {
        use(chosen, () -> assign(name.name(), chosen));
        continue;
      }
      if (choice.otherwise() != null) {
        choices.push(choice.otherwise());
      }
      choices.push(choice.then());
    }
  }

  private void assign(String name, Expr value) {
    if (isList(value)) {
      add(lists, name);
    } else if (isElement(value)) {
      add(elements, name);
    } else if (isMember(value)) {
      add(members, name);
    }
  }

  private void add(Set<String> names, String name) {
    if (names.add(name)) {
      for (int use : usesOf.getOrDefault(name, List.of())) {
        (use > at ? pass : nextPass).add(use);
      }
    }
  }

  /** Runs an action whenever the name that an expression refers to holds something more. */
  private void use(Expr expression, Runnable action) {
    Expr root = bare(expression);
    // A member of an element of a list is the longest reference that counts.
    for (int i = 0; i < 2; i++) {
      Expr owner = owner(root);
      root = owner == null ? root : bare(owner);
    }
    if (root instanceof Expr.Name name) {
      usesOf.computeIfAbsent(name.name(), key -> new ArrayList<>()).add(uses.size());
      uses.add(action);
    }
  }

  private static @Nullable Expr owner(Expr expression) {
    if (expression instanceof Expr.Call call && call.head() instanceof Expr.Attribute method) {
      return method.head();
    }
    return expression instanceof Expr.Attribute || expression instanceof Expr.Item
        ? expression.head()
        : null;
  }

  /** Returns an expression without its filters and slices; remembers it for all inside. */
  private Expr bare(Expr expression) {
    List<Expr> chain = new ArrayList<>();
    Expr result = expression;
    while (result instanceof Expr.Filter || result instanceof Expr.Slice) {
      Expr known = bare.get(result);
      Expr head = known == null ? result.head() : known;
      if (head == null) {
        break;
      }
      chain.add(result);
      result = head;
    }
    for (Expr link : chain) {
      bare.put(link, result);
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
