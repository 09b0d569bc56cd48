package io.calm.jinja;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/** Checks of a parsed template that span several nodes. */
final class Checks {
  private Checks() {}

  /**
   * Checks a template: filters and tests exist; block names are unique; {@code loop} is not
   * assigned; {@code break} and {@code continue} are inside a loop.
   *
   * @throws TemplateSyntaxException at the first violation
   */
  static void check(List<Stmt> template) {
    names(template);
    Set<String> blocks = new HashSet<>();
    SyntaxNode.walk(
        template,
        node -> {
          if (node instanceof Stmt.Block block && !blocks.add(block.name())) {
            throw new TemplateSyntaxException(
                "block %s is defined twice".formatted(Repr.quote(block.name())), node.line());
          } else if (node instanceof Stmt.For loop) {
            SyntaxNode.walk(loop.body(), Checks::storesLoop);
            SyntaxNode.walk(loop.otherwise(), Checks::storesLoop);
            stores(loop.target());
          }
        });
    jumps(template, false);
  }

  /**
   * A node to check.
   *
   * @param optional whether a missing filter or test fails only when it is evaluated
   */
  private record Visit(SyntaxNode node, boolean optional) {}

  /**
   * Checks that filters and tests exist. As in Jinja2's {@code CodeGenerator}, a missing one inside
   * an {@code if} or a conditional expression fails only when it is evaluated. In a loop, macro or
   * other scope nested in it, a missing one fails at once.
   */
  private static void names(List<Stmt> template) {
    Deque<Visit> left = new ArrayDeque<>();
    template.forEach(node -> left.push(new Visit(node, false)));
    while (!left.isEmpty()) {
      Visit visit = left.pop();
      SyntaxNode node = visit.node();
      if (node instanceof Expr.Filter filter) {
        known("filter", filter.name(), visit.optional() || Filters.has(filter.name()), node);
      } else if (node instanceof Expr.Test test) {
        known("test", test.name(), visit.optional() || Tests.has(test.name()), node);
      }
      boolean conditional = node instanceof Stmt.If || node instanceof Expr.Conditional;
      Set<SyntaxNode> enclosing = Collections.newSetFromMap(new IdentityHashMap<>());
      enclosing.addAll(inEnclosingScope(node));
      for (SyntaxNode child : node.children()) {
        boolean optional = visit.optional() && enclosing.contains(child);
        left.push(new Visit(child, conditional || optional));
      }
    }
  }

  /** Returns the children of a node that are evaluated in the node's own scope. */
  private static Collection<? extends SyntaxNode> inEnclosingScope(SyntaxNode node) {
    if (node instanceof Stmt.For loop) {
      return List.of(loop.iterable());
    } else if (node instanceof Stmt.With with) {
      return with.values();
    } else if (node instanceof Stmt.CallBlock block) {
      return List.of(block.call());
    }
    boolean opensScope =
        node instanceof Stmt && !(node instanceof Stmt.Print || node instanceof Stmt.Set);
    return opensScope ? List.of() : node.children();
  }

  private static void known(String kind, String name, boolean known, SyntaxNode node) {
    if (!known) {
      throw new TemplateSyntaxException(
          "no %s named %s".formatted(kind, Repr.quote(name)), node.line());
    }
  }

  private static void storesLoop(SyntaxNode node) {
    if (node instanceof Stmt.Set set) {
      stores(set.target());
    } else if (node instanceof Stmt.SetBlock set) {
      stores(set.target());
    }
  }

  private static void stores(Target target) {
    SyntaxNode.walk(
        List.of(target),
        node -> {
          if (node instanceof Target.Name name && name.name().equals("loop")) {
            throw new TemplateSyntaxException(
                "cannot assign to the special loop variable", node.line());
          }
        });
  }

  /**
   * Checks {@code break} and {@code continue}. The bodies of macros, call blocks and named blocks
   * are separate functions, so a loop around them does not count.
   */
  private static void jumps(List<? extends SyntaxNode> nodes, boolean inLoop) {
    for (SyntaxNode node : nodes) {
      if (node instanceof Stmt.Jump jump && !inLoop) {
        throw new TemplateSyntaxException(
            "'%s' outside loop".formatted(jump.ends() ? "break" : "continue"), node.line());
      } else if (node instanceof Stmt.For loop) {
        jumps(loop.body(), true);
        jumps(loop.otherwise(), inLoop && !loop.recursive());
      } else if (node instanceof Stmt.If branch) {
        branch.branches().forEach(it -> jumps(it.body(), inLoop));
        jumps(branch.otherwise(), inLoop);
      } else if (node instanceof Stmt.With with) {
        jumps(with.body(), inLoop);
      } else if (node instanceof Stmt.SetBlock set) {
        jumps(set.body(), inLoop);
      } else if (node instanceof Stmt.FilterBlock filter) {
        jumps(filter.body(), inLoop);
      } else if (node instanceof Stmt statement && !(node instanceof Stmt.Print)) {
        jumps(statement.children(), false);
      }
    }
  }
}
