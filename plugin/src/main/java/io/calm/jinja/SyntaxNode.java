package io.calm.jinja;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;

/** A node of a parsed template. */
sealed interface SyntaxNode permits Expr, Stmt, Target {

  /** Returns the line in which the node starts. */
  int line();

  /** Returns the child nodes, in the order in which Jinja2 visits them. */
  List<? extends SyntaxNode> children();

  /** Visits nodes and their descendants, parents first, without recursion. */
  static void walk(List<? extends SyntaxNode> roots, Consumer<SyntaxNode> visitor) {
    Deque<SyntaxNode> left = new ArrayDeque<>();
    push(left, roots);
    while (!left.isEmpty()) {
      SyntaxNode node = left.pop();
      visitor.accept(node);
      push(left, node.children());
    }
  }

  private static void push(Deque<SyntaxNode> stack, List<? extends SyntaxNode> nodes) {
    for (int i = nodes.size() - 1; i >= 0; i--) {
      stack.push(nodes.get(i));
    }
  }
}
