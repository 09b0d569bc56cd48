package io.calm.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Text, white space, literals and what is refused. */
class SyntaxTest {

  @Test
  void blocksTakeTheirIndentationAndLineFeedAway() {
    Rendering.check(
        """
        a¶  {% if t %}¶  b¶  {% endif %}¶c => a¶  b¶c
        a {% if t %}b{% endif %} c => a b c
        a¶  {%+ if t %}b{% endif +%}¶c => a¶  b¶c
        a¶ {%- if t -%} ¶ b ¶ {%- endif -%}¶ c => abc
        a¶ {# note #}¶b => a¶b
        a¶ {#- note -#} ¶b => ab
        a¶ {{ n }}¶b => a¶ 5¶b
        a¶ {{- n -}} ¶b => a5b
        """);
  }

  @Test
  void lineEndsAreLineFeedsAndTheLastIsDropped() {
    assertEquals("a\nb\nc", Rendering.render("a\r\nb\rc\r\n"));
    assertEquals("a\n", Rendering.render("a\n\n"));
    assertEquals("x\ny", Rendering.render("{% if t %}\r\nx\r\n{% endif %}\r\ny"));
    assertEquals("a\nb", Rendering.render("{{ 'a\r\nb' }}"));
  }

  @Test
  void rawBlocksAreText() {
    Rendering.check(
        """
        {% raw %}{{ x }}{% if %}{# y #}{% endraw %} => {{ x }}{% if %}{# y #}
        a {%- raw -%}  b  {%- endraw -%} c => abc
        """);
  }

  @Test
  void stringsHavePythonsEscapes() {
    Rendering.check(
        """
        {{ '\\x41\\u00e9\\U0001F600\\101\\N{BULLET}' }} => A\u00e9\ud83d\ude00A\u2022
        {{ "it's" 'a' "b" }} => it'sab
        {{ '\\q\\'' }} => \\q'
        {{ 'a\\¶b' }} => ab
        """);
  }

  @Test
  void numbersHavePythonsForms() {
    Rendering.check(
        """
        {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} => 31 5 15 1000
        {{ 0x_1_f }} {{ 0b_1 }} {{ 0_0 }} {{ [5, 6].0x1 }} {{ [5, 6].0b0 }} => 31 1 0 6 5
        {{ 1e3 }} {{ 1.5e-3 }} {{ 1e16 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} => 1000.0 0.0015 1e+16 1e-05 0.30000000000000004
        {{ [1,2,] }} {{ (1,) }} {{ {'a': 1,} }} {{ () }} => [1, 2] (1,) {'a': 1} ()
        """);
  }

  @Test
  void operatorsHavePythonsPrecedence() {
    Rendering.check(
        """
        {{ 2 + 3 * 4 ** 2 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} => 50 4 64
        {{ not 1 == 2 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 2 in [1] or 3 }} => True True False 3
        {{ 2 * 3 ~ 4 }} {{ -n|abs }} => 64 5
        {{ 'a' if n > 3 else 'b' }}{{ 'a' if n > 9 }} => a
        {{ 1 if false else 2 if false else 3 }} => 3
        """);
  }

  @Test
  void whatIsNoJinjaIsRefusedWithItsLine() {
    Rendering.fails(
        TemplateSyntaxException.class,
        """
        a¶{{ x| }} => line 2: expected a name
        {{ 1 2 }} => line 1: expected 'end of print statement', got 'integer'
        {{ 0x_ }} => line 1: expected 'end of print statement', got 'x_'
        {{ 0b1_ }} => line 1: expected 'end of print statement', got '_'
        {{ 0__0 }} => line 1: expected 'end of print statement', got '__0'
        {{ 0_ }} => line 1: expected 'end of print statement', got '_'
        {{ 'a => line 1: unexpected char
        {{ a ] }} => line 1: unexpected ']'
        {% for %}{% endfor %} => line 1: expected a variable
        {% if x %}¶a => unexpected end of template, looking for elif or else or endif of the block in line 1
        ¶{% endif %} => line 2: unknown tag 'endif'
        {# a => missing end of comment tag
        {% raw %} => missing end of raw directive
        {{ '\\x4' }} => truncated
        {% break %} => 'break' outside loop
        {% macro f() %}{% continue %}{% endmacro %} => 'continue' outside loop
        {% for x in l %}{% set loop = 1 %}{% endfor %} => cannot assign to the special loop variable
        {% block a %}{% endblock %}{% block a %}{% endblock %} => is defined twice
        {% set true = 1 %} => cannot assign to 'true'
        {% macro f(a=1, b) %}{% endmacro %} => non-default argument
        {{ f(a=1, 2) }} => invalid syntax for function call
        """);
  }

  @Test
  void whatThisEngineLacksIsRefusedWithItsConstruct() {
    Rendering.fails(
        TemplateSyntaxException.class,
        """
        {{ x|nope }} => no filter named 'nope'
        {% for a in t %}¶¶{{ x is nope }}{% endfor %} => line 3: no test named 'nope'
        {% if t %}{% for a in t %}{{ a|nope }}{% endfor %}{% endif %} => no filter named 'nope'
        {% if t %}{% for a in t if a|nope %}{% endfor %}{% endif %} => no filter named 'nope'
        {% if t %}{% with a = 1 %}{{ a|nope }}{% endwith %}{% endif %} => no filter named 'nope'
        {% if t %}{% set y %}{{ x|nope }}{% endset %}{% endif %} => no filter named 'nope'
        {% if t %}{% filter nope %}{% endfilter %}{% endif %} => no filter named 'nope'
        {% if t %}{% macro m(a=x|nope) %}{% endmacro %}{% endif %} => no filter named 'nope'
        {% if t %}{% call m() %}{{ x|nope }}{% endcall %}{% endif %} => no filter named 'nope'
        {% if t %}{% block b %}{{ x|nope }}{% endblock %}{% endif %} => no filter named 'nope'
        {% do x %} => unknown tag 'do'
        {% include 'x' %} => tag 'include' loads another template
        {% import 'x' as y %} => tag 'import' loads another template
        {% extends 'x' %} => tag 'extends' loads another template
        {% autoescape true %}{% endautoescape %} => HTML escaping
        """);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% if false %}{{ s|nope }}{% endif %}",
        "{% if true %}{% elif s is nope %}{% endif %}",
        "{% for a in [] %}{% if true %}{{ a|nope }}{% endif %}{% endfor %}",
        "{% if false %}{% for a in s|nope %}{% endfor %}{% endif %}",
        "{% if false %}{% with a = s|nope %}{% endwith %}{% endif %}",
        "{% if false %}{% set y = s|nope %}{% endif %}",
        "{% if false %}{% call m(s|nope) %}{% endcall %}{% endif %}",
        "{{ '' if true else s|nope }}",
      })
  void aMissingFilterInABranchFailsOnlyWhereItRuns(String template) {
    assertEquals("", Rendering.render(template));
  }

  @Test
  void aMissingFilterInABranchThatRunsFails() {
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {% if 'md' is not filter %}{{ s|md }}{% endif %} => No filter named 'md'
        {% if s|nope %}{% endif %} => No filter named 'nope'
        {{ (s|nope if true) }} => No filter named 'nope'
        {% if true %}{{ 'a' is nope }}{% endif %} => No test named 'nope'
        """);
  }

  @ParameterizedTest
  @ValueSource(strings = {"(", "[", "{", "-(", "f(", "x[", "1 if 0 else (", "not ("})
  void deepNestingIsRefusedNotAStackOverflow(String open) {
    TemplateSyntaxException refused =
        assertThrows(
            TemplateSyntaxException.class,
            () -> Template.parse("{{ " + open.repeat(50_000) + " }}"));
    assertTrue(String.valueOf(refused.getMessage()).startsWith("line 1: "), refused.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"|trim", ".x", "[0]", " + 1", " ~ 1", " and 1", " is defined or 1", "()"})
  void longChainsNeedNoStack(String link) {
    String template = "{% if false %}{{ x" + link.repeat(50_000) + " }}{% endif %}ok";
    assertEquals("ok", Rendering.render(template));
    assertEquals("True", Rendering.render("{{ " + "not ".repeat(50_000) + "true }}"));
  }
}
