package io.calm.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** An expression. */
sealed interface Expr extends SyntaxNode {

  /**
   * Returns the head: the operand that is evaluated first, or null if there is none. Chains such as
   * {@code a.b|c + d} are linked by their heads, which the evaluator follows in a loop.
   */
  default @Nullable Expr head() {
    return null;
  }

  /**
   * Dispatches by the type of node.
   *
   * @param head result of the head; ignored if there is none
   */
  <R> R accept(Visitor<R> visitor, R head);

  @Override
  default List<SyntaxNode> children() {
    Expr head = head();
    return head == null ? List.of() : List.of(head);
  }

  /** One method per type of expression. */
  interface Visitor<R> {
    R literal(Literal node);

    R name(Name node);

    R captured(Captured node);

    R tuple(TupleOf node);

    R list(ListOf node);

    R dict(DictOf node);

    R unary(Unary node, R head);

    R binary(Binary node, R head);

    R logic(Logic node, R head);

    R compare(Compare node, R head);

    R concat(Concat node, R head);

    R conditional(Conditional node, R head);

    R attribute(Attribute node, R head);

    R item(Item node, R head);

    R slice(Slice node, R head);

    R call(Call node, R head);

    R filter(Filter node, R head);

    R test(Test node, R head);
  }

  /** Operators of one operand. */
  enum UnaryOperator {
    NOT,
    NEGATE,
    PLUS
  }

  /** Arithmetic operators, with Python's spelling. */
  enum Operator {
    ADD("+"),
    SUBTRACT("-"),
    MULTIPLY("*"),
    DIVIDE("/"),
    FLOOR_DIVIDE("//"),
    REMAINDER("%"),
    POWER("** or pow()");

    private final String symbol;

    Operator(String symbol) {
      this.symbol = symbol;
    }

    String symbol() {
      return symbol;
    }
  }

  /** Comparisons, with Python's spelling. */
  enum Comparison {
    EQUAL("=="),
    NOT_EQUAL("!="),
    LESS("<"),
    LESS_OR_EQUAL("<="),
    GREATER(">"),
    GREATER_OR_EQUAL(">="),
    IN("in"),
    NOT_IN("not in");

    private final String symbol;

    Comparison(String symbol) {
      this.symbol = symbol;
    }

    String symbol() {
      return symbol;
    }
  }

  /** A constant. */
  record Literal(int line, Value value) implements Expr {
    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.literal(this);
    }
  }

  /** A variable. */
  record Name(int line, String name) implements Expr {
    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.name(this);
    }
  }

  /** The text of a filter block or set block, to which the filters are applied. */
  record Captured(int line) implements Expr {
    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.captured(this);
    }
  }

  /** A tuple. */
  record TupleOf(int line, List<Expr> items) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return List.copyOf(items);
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.tuple(this);
    }
  }

  /** A list. */
  record ListOf(int line, List<Expr> items) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return List.copyOf(items);
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.list(this);
    }
  }

  /** A dictionary; keys and values by index. */
  record DictOf(int line, List<Expr> keys, List<Expr> values) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      List<SyntaxNode> all = new ArrayList<>();
      for (int i = 0; i < keys.size(); i++) {
        all.add(keys.get(i));
        all.add(values.get(i));
      }
      return all;
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.dict(this);
    }
  }

  /** An operator with one operand. */
  record Unary(int line, UnaryOperator operator, Expr head) implements Expr {
    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.unary(this, head);
    }
  }

  /** An arithmetic operator with two operands. */
  record Binary(int line, Operator operator, Expr head, Expr right) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return List.of(head, right);
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.binary(this, head);
    }
  }

  /** {@code and} or {@code or}; the right operand is evaluated only if it decides the result. */
  record Logic(int line, boolean and, Expr head, Expr right) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return List.of(head, right);
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.logic(this, head);
    }
  }

  /** A chain of comparisons, such as {@code 1 < x <= 3}. */
  record Compare(int line, Expr head, List<Comparison> operators, List<Expr> operands)
      implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return prepend(head, operands);
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.compare(this, head);
    }
  }

  /** Concatenation of strings with {@code ~}. */
  record Concat(int line, Expr head, List<Expr> others) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return prepend(head, others);
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.concat(this, head);
    }
  }

  /** An inline if, whose head is the test; undefined if the test fails and there is no else. */
  record Conditional(int line, Expr head, Expr then, @Nullable Expr otherwise) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return otherwise == null ? List.of(head, then) : List.of(head, then, otherwise);
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.conditional(this, head);
    }
  }

  /** Access to an attribute by name. */
  record Attribute(int line, Expr head, String name) implements Expr {
    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.attribute(this, head);
    }
  }

  /** Access to an element by index or key. */
  record Item(int line, Expr head, Expr index) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return List.of(head, index);
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.item(this, head);
    }
  }

  /** A slice of a sequence. */
  record Slice(int line, Expr head, @Nullable Expr start, @Nullable Expr stop, @Nullable Expr step)
      implements Expr {
    @Override
    public List<SyntaxNode> children() {
      List<SyntaxNode> all = new ArrayList<>(List.of(head));
      for (Expr bound : new @Nullable Expr[] {start, stop, step}) {
        if (bound != null) {
          all.add(bound);
        }
      }
      return all;
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.slice(this, head);
    }
  }

  /** A call of a function, method or macro. */
  record Call(int line, Expr head, CallArguments arguments) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return prepend(head, arguments.all());
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.call(this, head);
    }
  }

  /** An application of a filter. */
  record Filter(int line, Expr head, String name, CallArguments arguments) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return prepend(head, arguments.all());
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.filter(this, head);
    }
  }

  /** An application of a test. */
  record Test(int line, Expr head, String name, CallArguments arguments) implements Expr {
    @Override
    public List<SyntaxNode> children() {
      return prepend(head, arguments.all());
    }

    @Override
    public <R> R accept(Visitor<R> visitor, R head) {
      return visitor.test(this, head);
    }
  }

  private static List<SyntaxNode> prepend(Expr first, List<Expr> others) {
    List<SyntaxNode> all = new ArrayList<>(others.size() + 1);
    all.add(first);
    all.addAll(others);
    return all;
  }
}
