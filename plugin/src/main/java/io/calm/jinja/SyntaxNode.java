package io.calm.jinja;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;

/** A node of a parsed template. */
sealed interface Node permits Expr, Stmt, Target {

  /** Returns the line that the node begins in. */
  int line();

  /** Returns the nodes below, in the order in which Jinja2 visits them. */
  List<? extends Node> children();

  /** Visits nodes and all below them, parents first; long chains of nodes need no stack. */
  static void walk(List<? extends Node> roots, Consumer<Node> visitor) {
    Deque<Node> left = new ArrayDeque<>();
    push(left, roots);
    while (!left.isEmpty()) {
      Node node = left.pop();
      visitor.accept(node);
      push(left, node.children());
    }
  }

  private static void push(Deque<Node> stack, List<? extends Node> nodes) {
    for (int i = nodes.size() - 1; i >= 0; i--) {
      stack.push(nodes.get(i));
    }
  }
}
