package io.calm.jinja;

import java.util.List;

/** The left side of an assignment, or the variables of a loop. */
sealed interface Target extends SyntaxNode {

  /** A variable. */
  record Name(int line, String name) implements Target {
    @Override
    public List<SyntaxNode> children() {
      return List.of();
    }
  }

  /** An attribute of a namespace. */
  record Attribute(int line, String namespace, String name) implements Target {
    @Override
    public List<SyntaxNode> children() {
      return List.of();
    }
  }

  /** Several targets to which a sequence is unpacked. */
  record Unpack(int line, List<Target> targets) implements Target {
    @Override
    public List<Target> children() {
      return targets;
    }
  }
}
