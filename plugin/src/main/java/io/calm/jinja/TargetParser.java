package io.calm.jinja;

import io.calm.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Parses assignment targets and the parameters of macros. */
final class TargetParser {
  private static final Set<String> CONSTANTS =
      Set.of("true", "false", "none", "True", "False", "None");

  private static final int MAX_PARAMETERS = 255;

  private final TokenStream stream;
  private final ExpressionParser expressions;

  TargetParser(TokenStream stream, ExpressionParser expressions) {
    this.stream = stream;
    this.expressions = expressions;
  }

  /**
   * Parses a target, or several separated by commas.
   *
   * @param end name after the target, empty for none
   * @param attributes whether attributes of a namespace are allowed
   */
  Target target(String end, boolean attributes) {
    int line = stream.line();
    List<Target> all = new ArrayList<>();
    boolean comma = false;
    while (!ends(end)) {
      all.add(one(attributes));
      if (!stream.skip(",")) {
        break;
      }
      comma = true;
    }
    if (!comma && all.size() == 1) {
      return all.get(0);
    }
    if (all.isEmpty()) {
      throw stream.expected("a variable");
    }
    return new Target.Unpack(line, all);
  }

  private boolean ends(String end) {
    return stream.is(Kind.BLOCK_END) || stream.is(")") || (!end.isEmpty() && stream.isName(end));
  }

  private Target one(boolean attributes) {
    if (stream.skip("(")) {
      stream.enter();
      Target inner = target("", false);
      stream.leave();
      stream.expect(")");
      return inner;
    }
    if (!stream.is(Kind.NAME)) {
      throw stream.fail("cannot assign to " + stream.current().describe());
    }
    Target.Name name = name();
    if (attributes && stream.skip(".")) {
      return new Target.Attribute(name.line(), name.name(), stream.expect(Kind.NAME).text());
    }
    return name;
  }

  Target.Name name() {
    Token token = stream.expect(Kind.NAME);
    if (CONSTANTS.contains(token.text())) {
      throw new TemplateSyntaxException("cannot assign to " + token.describe(), token.line());
    }
    return new Target.Name(token.line(), token.text());
  }

  /** Parses the parameters of a macro in parentheses. */
  void signature(List<Target.Name> parameters, List<Expr> defaults) {
    stream.expect("(");
    Set<String> known = new HashSet<>();
    while (!stream.is(")")) {
      Target.Name parameter = name();
      if (!known.add(parameter.name())) {
        throw stream.fail("duplicate argument " + Repr.quote(parameter.name()));
      }
      if (known.size() > MAX_PARAMETERS) {
        throw stream.fail("a macro has more than %d parameters".formatted(MAX_PARAMETERS));
      }
      parameters.add(parameter);
      if (stream.skip("=")) {
        defaults.add(expressions.expression());
      } else if (!defaults.isEmpty()) {
        throw stream.fail("non-default argument follows default argument");
      }
      if (!stream.is(")")) {
        stream.expect(",");
      }
    }
    stream.expect(")");
  }
}
