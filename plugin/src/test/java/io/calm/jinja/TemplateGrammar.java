package io.calm.jinja;

import io.calm.jinja.ExpressionGrammar.Operand;
import java.util.Random;

/** A grammar that writes random templates over the variables of the conversation {@code values}. */
final class TemplateGrammar {
  private final Random random;
  private final ExpressionGrammar expressions;
  private int statements;

  TemplateGrammar(long seed) {
    this.random = new Random(seed);
    this.expressions = new ExpressionGrammar(random);
  }

  /** Writes a template. */
  String template() {
    statements = 1 + random.nextInt(5);
    StringBuilder text = new StringBuilder();
    if (random.nextBoolean()) {
      text.append(tag("set x = " + expressions.any(2)));
    }
    int parts = 1 + random.nextInt(3);
    for (int i = 0; i < parts; i++) {
      text.append(statement(2));
    }
    return text.toString();
  }

  private String statement(int depth) {
    if (depth == 0 || statements-- < 0) {
      return output();
    }
    return switch (random.nextInt(18)) {
      case 0, 1 -> branch(depth);
      case 2, 3, 4 -> loop(depth);
      case 5 -> tag("set " + pick("x", "y", "x, y") + " = " + expressions.any(3));
      case 6 ->
          tag("set y" + pick("", " | upper", " | trim"))
              + body(depth)
              + tag("endset")
              + "[{{ y }}]";
      case 7 ->
          tag("set ns = namespace(x=" + expressions.any(1) + ")")
              + tag("for x in " + operand(Operand.LIST))
              + tag("set ns.x = " + pick("x", "ns.x ~ x", "loop.index"))
              + tag("endfor")
              + "{{ ns.x }}{% set ns = 0 %}";
      case 8 -> macro(depth);
      case 9 -> tag("with x = " + expressions.any(2) + ", y = x") + body(depth) + tag("endwith");
      case 10 ->
          tag("filter " + pick("upper", "trim", "indent(2)", "replace('a', 'b')"))
              + body(depth)
              + tag("endfilter");
      case 11 -> tag("generation") + body(depth) + tag("endgeneration");
      case 12 -> pick("{% raw %}{{ x }}", "{% raw -%} \n{%", "{%- raw %}\n{#") + tag("endraw");
      case 13 -> "{#" + pick("", "-", "+") + " c " + pick("", "-", "+") + "#}" + text();
      default -> output();
    };
  }

  private String branch(int depth) {
    String elif = pick("", tag("elif " + expressions.of(Operand.TRUTH, 2)) + body(1));
    return tag("if " + expressions.of(Operand.TRUTH, 3))
        + body(depth)
        + elif
        + otherwise()
        + tag("endif");
  }

  private String loop(int depth) {
    String head =
        switch (random.nextInt(6)) {
          case 0 -> "for x in " + operand(Operand.LIST) + " if " + operand(Operand.TRUTH);
          case 1 -> "for x, y in " + pick("d.items()", "d|dictsort", "deep|items", "[(1, 2)]");
          case 2 -> "for x in " + operand(Operand.TEXT);
          case 3 -> "for x in " + operand(Operand.DICT);
          default -> "for x in " + operand(Operand.LIST);
        };
    String jump =
        pick("", "", tag("if loop.index is even") + tag(pick("break", "continue")) + tag("endif"));
    String counters =
        pick(
            "",
            "{{ loop.index }}/{{ loop.length }}",
            "{{ loop.last }}{{ loop.revindex0 }}",
            "{{ loop.previtem }}|{{ loop.nextitem }}",
            "{{ loop.cycle('a', 'b') }}",
            "{{ loop.changed(x) }}");
    return tag(head) + jump + counters + body(depth) + otherwise() + tag("endfor");
  }

  private String macro(int depth) {
    String head = tag("macro m(x, y=" + expressions.any(1) + ")");
    String arguments = pick("", "y=2", "x='k'", expressions.any(1), expressions.any(1) + ", 1");
    if (random.nextInt(3) == 0) {
      return head
          + body(depth)
          + "<{{ caller() }}>"
          + tag("endmacro")
          + tag("call m(" + arguments + ")")
          + body(1)
          + tag("endcall");
    }
    return head + body(depth) + tag("endmacro") + "{{ m(" + arguments + ") }}";
  }

  private String body(int depth) {
    return text() + statement(depth - 1) + (random.nextInt(3) == 0 ? statement(depth - 1) : text());
  }

  private String otherwise() {
    return random.nextInt(3) == 0 ? tag("else") + text() + output() : "";
  }

  private String output() {
    String open = random.nextInt(6) == 0 ? "{{-" : "{{";
    String close = random.nextInt(6) == 0 ? "-}}" : "}}";
    return open + " " + expressions.any(1 + random.nextInt(3)) + " " + close + text();
  }

  private String operand(Operand type) {
    return "(" + expressions.of(type, 2) + ")";
  }

  private String tag(String words) {
    String open = pick("{%", "{%", "{%", "{%-", "{%+");
    String close = pick("%}", "%}", "%}", "-%}", "+%}");
    return open + " " + words + " " + close;
  }

  private String text() {
    return pick("", "", " ", "\n", "a", " b\n", "\n  ", "\n\n", "é\t", "\r\n", "}} ");
  }

  private String pick(String... choices) {
    return choices[random.nextInt(choices.length)];
  }
}
