package io.calm.jinja;

import org.junit.jupiter.api.Test;

/** Statements, scopes and the loop variable, from Jinja2's template designer documentation. */
class StatementTest {

  @Test
  void loopsFilterAndHaveAnElse() {
    Rendering.check(
        """
        {% for m in msgs if m.role == 'user' %}{{ loop.index }}/{{ loop.length }}{{ m.content }} {% endfor %} => 1/2U1 2/2U2\s
        {% for m in msgs if m.role == 'x' %}y{% else %}none{% endfor %} => none
        {% for x in e %}y{% else %}none{% endfor %}{% for x in missing %}y{% else %}none{% endfor %} => nonenone
        {% for x in [1] %}{% break %}{% else %}E{% endfor %} => E
        {% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %} => 13
        {% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %} => b=1;a=[1, 2];items=X;
        {% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %} => 123
        {% for c in 'a\u00f1' %}[{{ c }}]{% endfor %}{% for k in d %}{{ k }}{% endfor %} => [a][\u00f1]baitems
        """);
  }

  @Test
  void theLoopVariableKnowsItsNeighbours() {
    Rendering.check(
        """
        {% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %} => <3>1 3<1>2 1<2>\s
        {% for x in l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }} {% endfor %} => 032TrueFalse 121FalseFalse 210FalseTrue\s
        {% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }} {% endfor %} => aTrue bTrue aTrue\s
        {% for i in [[1, [2]], [3]] recursive %}{% if i is iterable %}[{{ loop(i) }}]{{ loop.depth }}{% else %}{{ i }}{% endif %}{% endfor %} => [1[2]2]1[3]1
        {% for x in l|map('string') %}{{ loop.last }}{{ loop.length }} {% endfor %} => False3 False3 True3\s
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {% for x in l %}{{ loop(l) }}{% endfor %} => must have the 'recursive' marker
        {% for x in n %}{% endfor %} => 'int' object is not iterable
        {% for a, b in l %}{% endfor %} => cannot unpack non-iterable int object
        {% for a, b in ['a'] %}{% endfor %} => not enough values to unpack (expected 2, got 1)
        """);
  }

  @Test
  void variablesOfALoopStayInside() {
    Rendering.check(
        """
        {% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }} => 231
        {% set ns = namespace(a=1) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }} => 7
        {% if true %}{% set q = 1 %}{% endif %}{{ q }} => 1
        {% with a = 1, b = a|default(9) %}{{ a }}{{ b }}{% endwith %}{{ a is defined }} => 19False
        {% set a, b = 1, 2 %}{% set (c, d2) = 'xy' %}{{ a }}{{ b }}{{ c }}{{ d2 }} => 12xy
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {% set d.x = 1 %} => cannot assign attribute on non-namespace object
        {{ namespace(_x=1) }} => underscore-prefixed
        """);
  }

  @Test
  void macrosTakeArgumentsAsFunctionsDo() {
    Rendering.check(
        """
        {% macro f(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 3, 4, 5, z=1) }} => 134(5,){'z': 1}
        {% macro f(a, b=a) %}[{{ a }}{{ b }}]{% endmacro %}{{ f() }}{{ f(1) }}{{ f(b=2) }}{{ f(*[1, 2]) }}{{ f(**{'a': 3}) }} => [][11][2][12][33]
        {% macro box(t) %}<{{ t }}>{{ caller(1) }}{% endmacro %}{% call(x) box('b') %}in{{ x }}{% endcall %} => <b>in1
        {% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{{ m.name }}{{ m.arguments }} => Falsem()
        {% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{{ x }}{% endmacro %}{% set x = 7 %}{{ a() }} => B7
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {% macro f(a) %}{% endmacro %}{{ f(1, 2) }} => macro 'f' takes not more than 1 argument(s)
        {% macro f(a) %}{% endmacro %}{{ f(b=2) }} => macro 'f' takes no keyword argument 'b'
        """);
  }

  @Test
  void blocksCaptureAndFilterText() {
    Rendering.check(
        """
        {% set x %} hi {{ n }}{% endset %}[{{ x }}]{% set y | upper | trim %} yo {% endset %}[{{ y }}] => [ hi 5][YO]
        {% filter replace('a', 'b')|upper %}aa{{ n }}{% endfilter %} => BB5
        {% block b %}x{{ n }}{% endblock %}{{ self.b() }} => x5x5
        {{ self }}{{ self.nope }}{% block _b %}x{% endblock %}{{ self._b() }} => <TemplateReference None>xx
        {% for i in l %}{% block s scoped %}{{ i }}{% endblock %}{% block c %}{{ i }}{% endblock %}{% endfor %} => 312
        {% generation %}a{{ n }}{% endgeneration %}{% print 'p', 1 %} => a5p1
        """);
  }

  @Test
  void globalsAreJinjasAndTransformers() {
    Rendering.check(
        """
        {{ range(1, 10, 3)|list }}{{ range(3) }}{{ range(5)[1:3] }} => [1, 4, 7]range(0, 3)range(1, 3)
        {% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }} => aba
        {% set j = joiner('; ') %}{{ j() }}a{{ j() }}b => a; b
        {{ dict(a=1, b=2) }}{{ dict([('x', 1)]) }}{{ dict.fromkeys('ab', 0) }} => {'a': 1, 'b': 2}{'x': 1}{'a': 0, 'b': 0}
        {{ strftime_now('%Y-%m-%d %H:%M:%S %a %B %-d %e %j %p %% %Z') }} => 2026-11-02 09:05:07 Mon November 2  2 306 AM %\s
        {{ strftime_now('%d %b %Y|%c|%x|%U %V|%_d|%^a|%Q') }} => 02 Nov 2026|Mon Nov  2 09:05:07 2026|11/02/26|44 45| 2|MON|%Q
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {{ range(1000001) }} => Range too big
        {{ lipsum() }} => lipsum() makes random text
        """);
    Rendering.fails(TemplateRaisedException.class, "{{ raise_exception('Bad ' ~ n) }} => Bad 5");
  }
}
