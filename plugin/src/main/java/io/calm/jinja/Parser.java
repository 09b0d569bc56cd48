package io.calm.jinja;

import io.calm.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Parses a template into a syntax tree. Follows {@code jinja2/parser.py}. */
final class Parser {
  private static final Set<String> LOADING = Set.of("include", "import", "from", "extends");

  private final TokenStream stream;
  private final ExpressionParser expressions;
  private final TargetParser targets;
  private final BlockParser blocks;

  private Parser(TokenStream stream, TemplateLimits limits) {
    this.stream = stream;
    this.expressions = new ExpressionParser(stream, limits);
    this.targets = new TargetParser(stream, expressions);
    this.blocks = new BlockParser(stream, expressions, targets, this);
  }

  /**
   * Parses and checks a template.
   *
   * @throws TemplateSyntaxException if the template is invalid or uses an unsupported construct
   */
  static List<Stmt> parse(String source, TemplateLimits limits) {
    if (source.length() > limits.source()) {
      throw new TemplateSyntaxException(
          "the template is longer than %d characters".formatted(limits.source()), 1);
    }
    TokenStream stream = new TokenStream(Lexer.tokens(source), limits.nesting());
    List<Stmt> template = new Parser(stream, limits).statements(Set.of());
    Checks.check(template);
    return template;
  }

  /** Parses the body of a tag; stops at one of the tags that end it. */
  List<Stmt> body(Set<String> ends) {
    int line = stream.line();
    stream.skip(":");
    stream.expect(Kind.BLOCK_END);
    stream.enter();
    List<Stmt> body = statements(ends);
    stream.leave();
    if (stream.is(Kind.END)) {
      throw new TemplateSyntaxException(
          "unexpected end of template, looking for %s of the block in line %d"
              .formatted(String.join(" or ", ends.stream().sorted().toList()), line),
          stream.line());
    }
    return body;
  }

  /** Parses the body of a tag and the name of the tag that ends it. */
  List<Stmt> body(String end) {
    List<Stmt> body = body(Set.of(end));
    stream.next();
    return body;
  }

  private List<Stmt> statements(Set<String> ends) {
    List<Stmt> result = new ArrayList<>();
    while (!stream.is(Kind.END)) {
      Token token = stream.next();
      if (token.kind() == Kind.DATA) {
        result.add(new Stmt.Text(token.line(), token.text()));
      } else if (token.kind() == Kind.VARIABLE_BEGIN) {
        Expr expression = expressions.tuple(true, "", false);
        result.add(new Stmt.Print(token.line(), List.of(expression)));
        stream.expect(Kind.VARIABLE_END);
      } else {
        if (stream.is(Kind.NAME) && ends.contains(stream.current().text())) {
          return result;
        }
        result.add(statement(ends));
        stream.expect(Kind.BLOCK_END);
      }
    }
    return result;
  }

  private Stmt statement(Set<String> ends) {
    Token tag = stream.current();
    if (tag.kind() != Kind.NAME) {
      throw stream.fail("tag name expected, got " + tag.describe());
    }
    stream.next();
    int line = tag.line();
    return switch (tag.text()) {
      case "for" -> blocks.loop(line);
      case "if" -> blocks.branches(line);
      case "set" -> blocks.set(line);
      case "with" -> blocks.with(line);
      case "macro" -> blocks.macro(line);
      case "call" -> blocks.call(line);
      case "filter" -> blocks.filter(line);
      case "block" -> blocks.block(line);
      case "print" -> print(line);
      case "autoescape" -> blocks.autoescape(line);
      case "generation" -> new Stmt.Scope(line, body("endgeneration"));
      case "break" -> new Stmt.Jump(line, true);
      case "continue" -> new Stmt.Jump(line, false);
      default -> throw unknown(tag, ends);
    };
  }

  private static TemplateSyntaxException unknown(Token tag, Set<String> ends) {
    if (LOADING.contains(tag.text())) {
      return new TemplateSyntaxException(
          "tag '%s' loads another template, which is not possible here".formatted(tag.text()),
          tag.line());
    }
    String expected =
        ends.isEmpty() ? "" : "; expected " + String.join(" or ", ends.stream().sorted().toList());
    return new TemplateSyntaxException(
        "unknown tag %s%s".formatted(tag.describe(), expected), tag.line());
  }

  private Stmt print(int line) {
    List<Expr> printed = new ArrayList<>();
    while (!stream.is(Kind.BLOCK_END)) {
      if (!printed.isEmpty()) {
        stream.expect(",");
      }
      printed.add(expressions.expression());
    }
    return new Stmt.Print(line, printed);
  }
}
