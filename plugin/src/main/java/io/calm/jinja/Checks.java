package io.calm.jinja;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Checks of a parsed template that need more than one place of it. */
final class Checks {
  private Checks() {}

  /**
   * Checks that all filters and tests exist, that blocks are named once, that nothing assigns to
   * {@code loop}, and that {@code break} and {@code continue} stand in a loop.
   *
   * <p>Jinja2 looks up filters inside {@code if} at rendering only. Here a missing one is refused
   * too, unless the template asks for it ({@code 'name' is filter}).
   */
  static void check(List<Stmt> template) {
    Set<String> guarded = new HashSet<>();
    Node.walk(template, node -> guard(node, guarded));
    Set<String> blocks = new HashSet<>();
    Node.walk(
        template,
        node -> {
          if (node instanceof Expr.Filter filter) {
            known("filter", filter.name(), Filters.has(filter.name()), guarded, node);
          } else if (node instanceof Expr.Test test) {
            known("test", test.name(), Tests.has(test.name()), guarded, node);
          } else if (node instanceof Stmt.Block block && !blocks.add(block.name())) {
            throw new TemplateSyntaxException(
                "block %s is defined twice".formatted(Repr.quote(block.name())), node.line());
          } else if (node instanceof Stmt.For loop) {
            Node.walk(loop.body(), Checks::storesLoop);
            Node.walk(loop.otherwise(), Checks::storesLoop);
            stores(loop.target());
          }
        });
    jumps(template, false);
  }

  private static void guard(Node node, Set<String> guarded) {
    if (node instanceof Expr.Test test
        && (test.name().equals("filter") || test.name().equals("test"))
        && test.head() instanceof Expr.Literal literal
        && literal.value() instanceof StringValue name) {
      guarded.add(test.name() + " " + name.text());
    }
  }

  private static void known(
      String kind, String name, boolean exists, Set<String> guarded, Node node) {
    if (!exists && !guarded.contains(kind + " " + name)) {
      throw new TemplateSyntaxException(
          "no %s named %s".formatted(kind, Repr.quote(name)), node.line());
    }
  }

  private static void storesLoop(Node node) {
    if (node instanceof Stmt.Set set) {
      stores(set.target());
    } else if (node instanceof Stmt.SetBlock set) {
      stores(set.target());
    }
  }

  private static void stores(Target target) {
    Node.walk(
        List.of(target),
        node -> {
          if (node instanceof Target.Name name && name.name().equals("loop")) {
            throw new TemplateSyntaxException(
                "cannot assign to the special loop variable", node.line());
          }
        });
  }

  /**
   * Checks jumps; the bodies of macros, call blocks and named blocks are functions of their own.
   */
  private static void jumps(List<? extends Node> nodes, boolean inLoop) {
    for (Node node : nodes) {
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
