package io.calm.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A statement. */
sealed interface Stmt extends SyntaxNode {

  /** Dispatches by the type of node. */
  <R> R accept(Visitor<R> visitor);

  /** One method per type of statement. */
  interface Visitor<R> {
    R text(Text node);

    R print(Print node);

    R branch(If node);

    R loop(For node);

    R set(Set node);

    R setBlock(SetBlock node);

    R with(With node);

    R macro(Macro node);

    R callBlock(CallBlock node);

    R filterBlock(FilterBlock node);

    R block(Block node);

    R scope(Scope node);

    R jump(Jump node);
  }

  /** The text between tags. */
  record Text(int line, String text) implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      return List.of();
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.text(this);
    }
  }

  /** An output tag with its expressions. */
  record Print(int line, List<Expr> expressions) implements Stmt {
    @Override
    public List<Expr> children() {
      return expressions;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.print(this);
    }
  }

  /** A test and its body. */
  record Branch(Expr test, List<Stmt> body) {}

  /** {@code if} with its {@code elif} and {@code else}. */
  record If(int line, List<Branch> branches, List<Stmt> otherwise) implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      List<SyntaxNode> all = new ArrayList<>();
      for (Branch branch : branches) {
        all.add(branch.test());
        all.addAll(branch.body());
      }
      all.addAll(otherwise);
      return all;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.branch(this);
    }
  }

  /** A loop. */
  record For(
      int line,
      Target target,
      Expr iterable,
      @Nullable Expr test,
      boolean recursive,
      List<Stmt> body,
      List<Stmt> otherwise)
      implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      List<SyntaxNode> all = new ArrayList<>(List.of(target, iterable));
      all.addAll(body);
      all.addAll(otherwise);
      if (test != null) {
        all.add(test);
      }
      return all;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.loop(this);
    }
  }

  /** An assignment. */
  record Set(int line, Target target, Expr value) implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      return List.of(target, value);
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.set(this);
    }
  }

  /** An assignment of a block's text, after the filters in {@code value}. */
  record SetBlock(int line, Target target, Expr value, List<Stmt> body) implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      List<SyntaxNode> all = new ArrayList<>(List.of(target, value));
      all.addAll(body);
      return all;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.setBlock(this);
    }
  }

  /** A block with its own variables. */
  record With(int line, List<Target> targets, List<Expr> values, List<Stmt> body) implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      List<SyntaxNode> all = new ArrayList<>(targets);
      all.addAll(values);
      all.addAll(body);
      return all;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.with(this);
    }
  }

  /**
   * A macro, or the body of a call block, which has no name.
   *
   * @param parameters names of the parameters
   * @param defaults values of the last parameters
   * @param special those of {@code caller}, {@code kwargs} and {@code varargs} that the body reads
   */
  record Macro(
      int line,
      @Nullable String name,
      List<Target.Name> parameters,
      List<Expr> defaults,
      List<Stmt> body,
      java.util.Set<String> special)
      implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      List<SyntaxNode> all = new ArrayList<>(parameters);
      all.addAll(defaults);
      all.addAll(body);
      return all;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.macro(this);
    }
  }

  /** A call with a block as its {@code caller}. */
  record CallBlock(int line, Expr.Call call, Macro caller) implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      List<SyntaxNode> all = new ArrayList<>(List.of(call));
      all.addAll(caller.children());
      return all;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.callBlock(this);
    }
  }

  /** A block with filters on its text. */
  record FilterBlock(int line, Expr value, List<Stmt> body) implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      List<SyntaxNode> all = new ArrayList<>(List.of(value));
      all.addAll(body);
      return all;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.filterBlock(this);
    }
  }

  /** A named block, rendered in place; if not scoped, it sees only the template's variables. */
  record Block(int line, String name, boolean scoped, List<Stmt> body) implements Stmt {
    @Override
    public List<Stmt> children() {
      return body;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.block(this);
    }
  }

  /** A block with its own scope: {@code generation} and {@code autoescape}. */
  record Scope(int line, List<Stmt> body) implements Stmt {
    @Override
    public List<Stmt> children() {
      return body;
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.scope(this);
    }
  }

  /** {@code break} or {@code continue}. */
  record Jump(int line, boolean ends) implements Stmt {
    @Override
    public List<SyntaxNode> children() {
      return List.of();
    }

    @Override
    public <R> R accept(Visitor<R> visitor) {
      return visitor.jump(this);
    }
  }
}
