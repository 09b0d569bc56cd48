package io.calm.jinja;

import io.calm.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Parses the tags that have a body; each method starts after the tag's name. */
final class BlockParser {
  private static final List<String> SPECIAL = List.of("caller", "kwargs", "varargs");

  private final TokenStream stream;
  private final ExpressionParser expressions;
  private final TargetParser targets;
  private final Parser parser;

  BlockParser(
      TokenStream stream, ExpressionParser expressions, TargetParser targets, Parser parser) {
    this.stream = stream;
    this.expressions = expressions;
    this.targets = targets;
    this.parser = parser;
  }

  Stmt loop(int line) {
    Target target = targets.target("in", false);
    stream.expectName("in");
    Expr iterable = expressions.tuple(false, "recursive", false);
    Expr test = stream.skipName("if") ? expressions.expression() : null;
    boolean recursive = stream.skipName("recursive");
    List<Stmt> body = parser.body(Set.of("endfor", "else"));
    List<Stmt> otherwise = stream.next().text().equals("else") ? parser.body("endfor") : List.of();
    return new Stmt.For(line, target, iterable, test, recursive, body, otherwise);
  }

  Stmt branches(int line) {
    List<Stmt.Branch> branches = new ArrayList<>();
    while (true) {
      Expr test = expressions.tuple(false, "", false);
      List<Stmt> body = parser.body(Set.of("elif", "else", "endif"));
      branches.add(new Stmt.Branch(test, body));
      String end = stream.next().text();
      if (end.equals("endif")) {
        return new Stmt.If(line, branches, List.of());
      }
      if (end.equals("else")) {
        return new Stmt.If(line, branches, parser.body("endif"));
      }
    }
  }

  Stmt set(int line) {
    Target target = targets.target("", true);
    if (stream.skip("=")) {
      return new Stmt.Set(line, target, expressions.tuple(true, "", false));
    }
    Expr value = expressions.postfix().filters(new Expr.Captured(line), false);
    return new Stmt.SetBlock(line, target, value, parser.body("endset"));
  }

  Stmt with(int line) {
    List<Target> names = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (!stream.is(Kind.BLOCK_END)) {
      if (!names.isEmpty()) {
        stream.expect(",");
      }
      names.add(targets.target("", false));
      stream.expect("=");
      values.add(expressions.expression());
    }
    return new Stmt.With(line, names, values, parser.body("endwith"));
  }

  Stmt macro(int line) {
    String name = targets.name().name();
    List<Target.Name> parameters = new ArrayList<>();
    List<Expr> defaults = new ArrayList<>();
    targets.signature(parameters, defaults);
    List<Stmt> body = parser.body("endmacro");
    Set<String> special = special(line, parameters, defaults, body);
    return new Stmt.Macro(line, name, parameters, defaults, body, special);
  }

  Stmt call(int line) {
    List<Target.Name> parameters = new ArrayList<>();
    List<Expr> defaults = new ArrayList<>();
    if (stream.is("(")) {
      targets.signature(parameters, defaults);
    }
    if (!(expressions.expression() instanceof Expr.Call call)) {
      throw new TemplateSyntaxException("expected a call", line);
    }
    List<Stmt> body = parser.body("endcall");
    Set<String> special = special(line, parameters, defaults, body);
    return new Stmt.CallBlock(
        line, call, new Stmt.Macro(line, null, parameters, defaults, body, special));
  }

  /** Returns the special variables that a macro reads without a parameter of that name. */
  private static Set<String> special(
      int line, List<Target.Name> parameters, List<Expr> defaults, List<Stmt> body) {
    Set<String> result = new HashSet<>();
    Set<String> stored = new HashSet<>();
    SyntaxNode.walk(
        body,
        node -> {
          if (node instanceof Expr.Name name
              && SPECIAL.contains(name.name())
              && !stored.contains(name.name())) {
            result.add(name.name());
          } else if (node instanceof Target.Name name) {
            stored.add(name.name());
          }
        });
    for (int i = 0; i < parameters.size(); i++) {
      String name = parameters.get(i).name();
      boolean given = i >= parameters.size() - defaults.size();
      if (name.equals("caller") && result.contains(name) && !given) {
        throw new TemplateSyntaxException(
            "the special \"caller\" argument must be omitted or be given a default", line);
      }
      result.remove(name);
    }
    return Set.copyOf(result);
  }

  Stmt filter(int line) {
    Expr value = expressions.postfix().filters(new Expr.Captured(line), true);
    return new Stmt.FilterBlock(line, value, parser.body("endfilter"));
  }

  Stmt block(int line) {
    String name = stream.expect(Kind.NAME).text();
    boolean scoped = stream.skipName("scoped");
    if (stream.isName("required")) {
      throw stream.fail("a required block needs a template that extends this one");
    }
    List<Stmt> body = parser.body("endblock");
    stream.skipName(name);
    return new Stmt.Block(line, name, scoped, body);
  }

  Stmt autoescape(int line) {
    Expr flag = expressions.expression();
    if (!(flag instanceof Expr.Literal literal) || literal.value().truth()) {
      throw new TemplateSyntaxException("HTML escaping (autoescape) is not available", line);
    }
    return new Stmt.Scope(line, parser.body("endautoescape"));
  }
}
