package io.calm.jinja;

import java.util.List;
import java.util.Random;

/**
 * A grammar that writes random expressions over the variables of the conversation {@code values}.
 * Operands mostly have the type that an operation needs, and now and then another. Numbers are
 * small, so that no expression takes long.
 */
final class ExpressionGrammar {
  /** The type that an expression evaluates to. */
  enum Operand {
    TEXT,
    NUMBER,
    LIST,
    DICT,
    TRUTH,
    ANY
  }

  private static final List<String> TEXTS =
      List.of(
          "s",
          "empty",
          "spaces",
          "lines",
          "uni",
          "html",
          "digits",
          "braces",
          "''",
          "'a'",
          "'b c'",
          "\"it's\"",
          "'é😀'",
          "'a\\nb'",
          "' x '",
          "'12'",
          "'1.5'",
          "'-7'",
          "words[0]",
          "people[1].name",
          "d|first");
  private static final List<String> NUMBERS =
      List.of(
          "zero", "one", "i", "neg", "f", "nf", "tenth", "whole", "big", "0", "1", "2", "-3", "10",
          "2.5", "1e3", "0.1", "true", "nums[1]", "d.a", "1e16", "1.0");
  private static final List<String> LISTS =
      List.of(
          "words",
          "nums",
          "floats",
          "nested",
          "people",
          "tree",
          "calls",
          "none_list",
          "empty_list",
          "mixed",
          "[]",
          "[1, 2, 3]",
          "['a', 'B', 'c']",
          "[[1, 'x'], [2, 'y']]",
          "(1, 'a')",
          "range(4)",
          "range(5, 0, -2)",
          "d.items()|list",
          "d|dictsort");
  private static final List<String> DICTS =
      List.of(
          "d",
          "deep",
          "empty_dict",
          "people[0]",
          "{}",
          "{'a': 1, 'b': [2]}",
          "{1: 'x', 'k': none}");
  private static final List<String> OTHERS =
      List.of("nil", "none", "missing", "x", "y", "ns", "d.nope", "nums[99]", "people[3].age");
  private static final List<String> TEXT_FILTERS =
      List.of(
          "capitalize",
          "center(7)",
          "default('D', true)",
          "e",
          "indent",
          "indent(2, true)",
          "lower",
          "replace('a', 'o')",
          "replace('', '-', 2)",
          "reverse",
          "striptags",
          "title",
          "trim",
          "trim('a')",
          "truncate(5, true, '.')",
          "truncate(6)",
          "upper",
          "urlencode",
          "wordwrap(4)",
          "safe",
          "string",
          "join('.')",
          "tojson",
          "format(1)");
  private static final List<String> TEXT_METHODS =
      List.of(
          ".upper()",
          ".lower()",
          ".strip()",
          ".lstrip('a ')",
          ".rstrip()",
          ".title()",
          ".capitalize()",
          ".replace('a', 'bb')",
          ".replace('', '.', 2)",
          ".zfill(4)",
          ".ljust(4, '.')",
          ".rjust(12)",
          ".center(6, '*')",
          ".format(1, a=2)",
          ".swapcase()",
          ".casefold()",
          ".removeprefix('He')",
          ".removesuffix('d')",
          ".expandtabs(3)",
          ".join(['p', 'q'])",
          ".join(words)",
          "[0]",
          "[-1]",
          "[1:]",
          "[:-1]",
          "[::-1]",
          "[1:3]",
          "[::2]",
          "[-3:]",
          "[99:]");
  private static final List<String> ANY_TO_TEXT =
      List.of(
          "string",
          "tojson",
          "tojson(indent=2)",
          "tojson(separators=(',', ':'))",
          "tojson(sort_keys=true)",
          "tojson(ensure_ascii=true)",
          "e",
          "upper",
          "trim",
          "default('D')",
          "default('D', true)",
          "replace('1', 'one')");
  private static final List<String> LIST_FILTERS =
      List.of(
          "batch(2)|list",
          "batch(2, 0)|list",
          "list",
          "map('upper')|list",
          "map('string')|list",
          "map(attribute='name')|list",
          "map(attribute='a', default=0)|list",
          "map(attribute=0)|list",
          "reject|list",
          "reject('odd')|list",
          "rejectattr('age')|list",
          "reverse|list",
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
          "unique|list",
          "groupby('name')|list",
          "map('default', 0)|list",
          "map('length')|list");
  private static final List<String> SLICES =
      List.of("[1:]", "[:-1]", "[::-1]", "[1:3]", "[::2]", "[-2:]", "[:2]", "[3:0:-1]");
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
          "lower",
          "upper",
          "eq 1",
          "ne 'a'",
          "in [1, 'a', none]",
          "sameas none",
          "escaped");
  private static final List<String> NUMBER_TESTS =
      List.of("odd", "even", "divisibleby 2", "divisibleby(3)", "gt 1", "lt(2.5)", "ge 1", "le 0");

  private final Random random;

  ExpressionGrammar(Random random) {
    this.random = random;
  }

  String any(int depth) {
    return of(Operand.ANY, depth);
  }

  String of(Operand wanted, int depth) {
    Operand type = wanted;
    if (wanted == Operand.ANY || random.nextInt(25) == 0) {
      type = Operand.values()[random.nextInt(Operand.values().length)];
    }
    int next = depth - 1;
    if (depth > 0 && random.nextInt(12) == 0) {
      return of(type, next) + " if " + of(Operand.TRUTH, next) + " else " + of(type, next);
    }
    if (depth > 0 && random.nextInt(10) == 0) {
      return "(" + of(type, next) + ")";
    }
    return switch (type) {
      case TEXT -> text(depth);
      case NUMBER -> number(depth);
      case LIST -> list(depth);
      case DICT -> dict(depth);
      case TRUTH -> truth(depth);
      case ANY -> pick(OTHERS);
    };
  }

  private String text(int depth) {
    int next = depth - 1;
    return switch (depth <= 0 ? 0 : random.nextInt(11)) {
      case 0 -> pick(TEXTS);
      case 1 -> of(Operand.TEXT, next) + " + " + of(Operand.TEXT, next);
      case 2 -> any(next) + " ~ " + any(next);
      case 3, 4 -> of(Operand.TEXT, next) + "|" + pick(TEXT_FILTERS);
      case 5, 6 -> head(Operand.TEXT, next) + pick(TEXT_METHODS);
      case 7 -> any(next) + "|" + pick(ANY_TO_TEXT);
      case 8 -> of(Operand.LIST, next) + "|" + pick(List.of("join", "join(', ')", "join(1)"));
      case 9 ->
          pick(List.of("'%s|%5.1f' % (", "'{!r:>9}|{:6.2f}'.format("))
              + any(next)
              + ", "
              + of(Operand.NUMBER, 0)
              + ")";
      default -> of(Operand.TEXT, next) + " * " + pick(List.of("2", "0", "3"));
    };
  }

  private String number(int depth) {
    int next = depth - 1;
    return switch (depth <= 0 ? 0 : random.nextInt(9)) {
      case 0 -> pick(NUMBERS);
      case 1, 2, 3 ->
          of(Operand.NUMBER, next)
              + " "
              + pick(List.of("+", "-", "*", "/", "//", "%"))
              + " "
              + of(Operand.NUMBER, next);
      case 4 ->
          of(Operand.NUMBER, next)
              + "|"
              + pick(
                  List.of("abs", "round", "round(1)", "int", "float", "round(-1)", "default(3)"));
      case 5 -> of(pick(List.of(Operand.TEXT, Operand.LIST, Operand.DICT)), next) + "|length";
      case 6 -> of(Operand.TEXT, next) + "|" + pick(List.of("int", "float", "int(7)", "wordcount"));
      case 7 ->
          head(Operand.TEXT, next)
              + pick(List.of(".find('o')", ".rfind('a')", ".count('a')", ".find('l', -4)"));
      default -> pick(List.of("-", "+", "--")) + of(Operand.NUMBER, 0);
    };
  }

  private String list(int depth) {
    int next = depth - 1;
    return switch (depth <= 0 ? 0 : random.nextInt(9)) {
      case 0 -> pick(LISTS);
      case 1, 2, 3 -> of(Operand.LIST, next) + "|" + pick(LIST_FILTERS);
      case 4 -> head(Operand.LIST, next) + pick(SLICES);
      case 5 ->
          head(Operand.TEXT, next)
              + pick(
                  List.of(
                      ".split()",
                      ".split('a', 1)",
                      ".splitlines()",
                      ".rsplit(' ', 1)",
                      ".partition(' ')",
                      "|list"));
      case 6 -> "[" + any(next) + ", " + any(next) + "]";
      case 7 ->
          head(Operand.DICT, next)
              + pick(
                  List.of(
                      ".items()|list",
                      ".keys()|list",
                      "|dictsort",
                      ".values()|list",
                      "|list",
                      "|items|list"));
      default -> of(Operand.LIST, next) + " + " + of(Operand.LIST, next);
    };
  }

  private String dict(int depth) {
    int next = depth - 1;
    return switch (depth <= 0 ? 0 : random.nextInt(4)) {
      case 0 -> pick(DICTS);
      case 1 ->
          "{'k': "
              + any(next)
              + ", "
              + pick(List.of("1", "'q'", "none", "true"))
              + ": "
              + any(next)
              + "}";
      case 2 -> "dict(" + of(Operand.DICT, next) + ", a=" + any(next) + ")";
      default -> of(Operand.LIST, next) + "|" + pick(List.of("first", "last"));
    };
  }

  private String truth(int depth) {
    int next = depth - 1;
    return switch (depth <= 0 ? 0 : random.nextInt(10)) {
      case 0 -> pick(List.of("true", "false", "yes", "no", "nil", "s", "zero", "missing"));
      case 1, 2 -> any(next) + " is " + (random.nextInt(4) == 0 ? "not " : "") + pick(TESTS);
      case 3 -> of(Operand.NUMBER, next) + " is " + pick(NUMBER_TESTS);
      case 4 ->
          of(Operand.NUMBER, next)
              + pick(List.of(" < ", " >= ", " == "))
              + of(Operand.NUMBER, next);
      case 5 -> any(next) + pick(List.of(" == ", " != ", " in [1, 'a'] == ")) + any(next);
      case 6 -> any(next) + pick(List.of(" in ", " not in ")) + of(Operand.LIST, next);
      case 7 ->
          of(Operand.TEXT, next) + pick(List.of(" in ", " < ", " >= ")) + of(Operand.TEXT, next);
      case 8 -> "not " + of(Operand.TRUTH, next);
      default -> any(next) + pick(List.of(" and ", " or ")) + any(next);
    };
  }

  /** Writes an operand that a dot or bracket may follow. */
  private String head(Operand type, int depth) {
    return "(" + of(type, depth) + ")";
  }

  <T> T pick(List<T> choices) {
    return choices.get(random.nextInt(choices.size()));
  }
}
