package io.calm.jinja;

import java.util.List;
import java.util.Random;

/**
 * A grammar that writes random templates over the variables of the conversation {@code values}.
 * Most of what it writes is valid; numbers are small, so that no template takes long.
 */
final class TemplateGrammar {
  private static final List<String> NAMES =
      List.of(
          "yes",
          "no",
          "nil",
          "zero",
          "one",
          "i",
          "neg",
          "f",
          "nf",
          "s",
          "empty",
          "spaces",
          "lines",
          "uni",
          "html",
          "digits",
          "words",
          "nums",
          "floats",
          "mixed",
          "nested",
          "empty_list",
          "d",
          "deep",
          "people",
          "tree",
          "calls",
          "missing",
          "x",
          "y",
          "ns",
          "loop");
  private static final List<String> LITERALS =
      List.of(
          "0",
          "1",
          "2",
          "-3",
          "10",
          "2.5",
          "-0.5",
          "1e3",
          "true",
          "false",
          "none",
          "''",
          "'a'",
          "'b c'",
          "\"it's\"",
          "'é😀'",
          "'a\\nb'",
          "' x '",
          "'%s'",
          "'{}'",
          "[]",
          "{}",
          "()",
          "[1, 2, 3]",
          "['a', 'B', 'c']",
          "{'a': 1, 'b': [2]}",
          "(1, 'a')",
          "[[1, 'x'], [2, 'y']]",
          "range(4)",
          "'12'",
          "'1.5'",
          "big");
  private static final List<String> BINARY =
      List.of(
          "+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in",
          "and", "or");
  private static final List<String> FILTERS =
      List.of(
          "abs",
          "attr('a')",
          "batch(2)|list",
          "batch(2, 0)|list",
          "capitalize",
          "center(7)",
          "count",
          "default('D')",
          "default('D', true)",
          "dictsort",
          "e",
          "first",
          "float",
          "float(1.5)",
          "indent",
          "indent(2, true)",
          "int",
          "int(7)",
          "items|list",
          "join",
          "join(', ')",
          "join('-', attribute='name')",
          "last",
          "length",
          "list",
          "lower",
          "map('upper')|list",
          "map('string')|list",
          "map(attribute='name')|list",
          "map(attribute='a', default=0)|list",
          "map(attribute=0)|list",
          "max",
          "min",
          "pprint",
          "reject|list",
          "reject('odd')|list",
          "rejectattr('age')|list",
          "replace('a', 'o')",
          "replace('', '-', 2)",
          "reverse|list",
          "round",
          "round(1)",
          "round(-1)",
          "select|list",
          "select('string')|list",
          "select('gt', 1)|list",
          "selectattr('age')|list",
          "selectattr('name', 'equalto', 'bob')|list",
          "slice(2)|list",
          "sort",
          "sort(reverse=true)",
          "sort(case_sensitive=true)",
          "sort(attribute='name')",
          "string",
          "striptags",
          "sum",
          "sum(start=10)",
          "title",
          "tojson",
          "tojson(indent=2)",
          "tojson(separators=(',', ':'))",
          "tojson(sort_keys=true)",
          "tojson(ensure_ascii=true)",
          "trim",
          "trim('a')",
          "truncate(5, true, '.')",
          "truncate(6)",
          "unique|list",
          "upper",
          "urlencode",
          "wordcount",
          "wordwrap(4)",
          "groupby('age')|list",
          "format(1)",
          "safe");
  private static final List<String> TESTS =
      List.of(
          "defined",
          "undefined",
          "none",
          "true",
          "false",
          "boolean",
          "integer",
          "float",
          "number",
          "string",
          "sequence",
          "mapping",
          "iterable",
          "callable",
          "odd",
          "even",
          "lower",
          "upper",
          "divisibleby 2",
          "divisibleby(3)",
          "eq 1",
          "ne 'a'",
          "gt 1",
          "in [1, 'a', none]",
          "sameas none",
          "escaped");
  private static final List<String> METHODS =
      List.of(
          ".upper()",
          ".lower()",
          ".strip()",
          ".lstrip('a ')",
          ".rstrip()",
          ".title()",
          ".capitalize()",
          ".split()",
          ".split(' ')",
          ".split('a', 1)",
          ".rsplit(' ', 1)",
          ".splitlines()",
          ".partition(' ')",
          ".replace('a', 'bb')",
          ".replace('', '.', 2)",
          ".startswith('H')",
          ".endswith(('d', 'e'))",
          ".find('o')",
          ".rfind('o')",
          ".count('a')",
          ".index('a')",
          ".join(['p', 'q'])",
          ".join(words)",
          ".isdigit()",
          ".isupper()",
          ".zfill(4)",
          ".ljust(4, '.')",
          ".center(6, '*')",
          ".format(1, a=2)",
          ".items()|list",
          ".keys()|list",
          ".values()|list",
          ".get('a')",
          ".get('q', 5)",
          ".copy()",
          ".append(1)",
          ".a",
          ".name",
          ".x",
          ".__class__",
          "[0]",
          "[-1]",
          "['a']",
          "[1:]",
          "[:-1]",
          "[::-1]",
          "[1:3]",
          "[::2]",
          "[99]",
          ".swapcase()",
          ".casefold()",
          ".removeprefix('He')",
          ".expandtabs(3)",
          ".is_integer()",
          ".index(1)",
          ".count(1)");

  private final Random random;
  private int budget;

  TemplateGrammar(long seed) {
    this.random = new Random(seed);
  }

  /** Writes a template. */
  String template() {
    budget = 3 + random.nextInt(12);
    StringBuilder text = new StringBuilder();
    if (random.nextBoolean()) {
      text.append("{% set x = ").append(expression(2)).append(" %}");
    }
    int parts = 1 + random.nextInt(4);
    for (int i = 0; i < parts; i++) {
      text.append(statement(2));
    }
    return text.toString();
  }

  private String statement(int depth) {
    if (depth == 0 || budget-- < 0) {
      return output();
    }
    return switch (random.nextInt(16)) {
      case 0 -> tag("if " + expression(2)) + body(depth) + otherwise(depth) + tag("endif");
      case 1 ->
          tag("for x in " + expression(2))
              + body(depth)
              + loopOutput()
              + otherwise(0)
              + tag("endfor");
      case 2 ->
          tag("for x in " + expression(1) + " if " + expression(1)) + body(depth) + tag("endfor");
      case 3 ->
          tag("for x, y in " + pick(List.of("d.items()", "d|dictsort", "deep|items", "[(1, 2)]")))
              + body(depth)
              + tag("endfor");
      case 4 -> tag("set " + pick(List.of("x", "y", "ns")) + " = " + expression(3));
      case 5 -> tag("set y") + body(depth) + tag("endset") + "{{ y|length }}";
      case 6 ->
          tag("set ns = namespace(x=" + expression(1) + ")")
              + tag("set ns.x = " + expression(2))
              + "{{ ns.x }}";
      case 7 ->
          tag("macro m(x, y=" + expression(1) + ")")
              + body(depth)
              + tag("endmacro")
              + "{{ m("
              + expression(1)
              + ") }}";
      case 8 -> tag("with x = " + expression(2)) + body(depth) + tag("endwith");
      case 9 ->
          tag("filter " + pick(List.of("upper", "trim", "indent(2)", "replace('a', 'b')")))
              + body(depth)
              + tag("endfilter");
      case 10 ->
          tag("for x in " + expression(1))
              + tag("if " + expression(1))
              + tag(pick(List.of("break", "continue")))
              + tag("endif")
              + body(depth)
              + tag("endfor");
      case 11 -> tag("generation") + body(depth) + tag("endgeneration");
      case 12 -> text();
      default -> output();
    };
  }

  private String body(int depth) {
    return text() + statement(depth - 1) + (random.nextBoolean() ? statement(depth - 1) : text());
  }

  private String otherwise(int depth) {
    return switch (random.nextInt(3)) {
      case 0 -> tag("else") + text() + output();
      case 1 -> depth == 0 ? "" : tag("elif " + expression(2)) + statement(depth - 1);
      default -> "";
    };
  }

  private String loopOutput() {
    return pick(
        List.of(
            "",
            "{{ loop.index }}/{{ loop.length }}",
            "{{ loop.last }}{{ loop.revindex0 }}",
            "{{ loop.previtem }}|{{ loop.nextitem }}",
            "{{ loop.cycle('a', 'b') }}",
            "{{ loop.changed(x) }}"));
  }

  private String output() {
    String open = random.nextInt(6) == 0 ? "{{-" : "{{";
    String close = random.nextInt(6) == 0 ? "-}}" : "}}";
    return open + " " + expression(4) + " " + close + text();
  }

  private String tag(String words) {
    String open = pick(List.of("{%", "{%", "{%", "{%-", "{%+"));
    String close = pick(List.of("%}", "%}", "%}", "-%}", "+%}"));
    return open + " " + words + " " + close;
  }

  private String text() {
    return pick(List.of("", "", " ", "\n", "a", " b\n", "\n  ", "{# c #}", "\n\n", "é\t", "\r\n"));
  }

  private String expression(int depth) {
    if (depth == 0 || random.nextInt(5) == 0) {
      return random.nextBoolean() ? pick(NAMES) : pick(LITERALS);
    }
    int next = depth - 1;
    return switch (random.nextInt(14)) {
      case 0, 1, 2 -> expression(next) + "|" + pick(FILTERS);
      case 3, 4 -> primary(next) + pick(METHODS);
      case 5, 6 -> expression(next) + " " + pick(BINARY) + " " + expression(next);
      case 7 -> expression(next) + " is " + (random.nextInt(4) == 0 ? "not " : "") + pick(TESTS);
      case 8 -> "(" + expression(next) + ")";
      case 9 -> pick(List.of("not ", "-", "+")) + expression(next);
      case 10 -> expression(next) + " if " + expression(next) + " else " + expression(next);
      case 11 -> "[" + expression(next) + ", " + expression(next) + "]";
      case 12 -> "{'k': " + expression(next) + ", " + expression(0) + ": " + expression(next) + "}";
      default ->
          pick(List.of("'%s|%5.1f|%d' % ", "'%r' % ", "'{:>6}|{!r}'.format", "dict", "range"))
              + "("
              + expression(next)
              + ", "
              + expression(0)
              + ")";
    };
  }

  private String primary(int depth) {
    return depth > 0 && random.nextBoolean() ? "(" + expression(depth) + ")" : pick(NAMES);
  }

  private String pick(List<String> choices) {
    return choices.get(random.nextInt(choices.size()));
  }
}
