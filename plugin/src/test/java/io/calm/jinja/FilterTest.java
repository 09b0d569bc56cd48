package io.calm.jinja;

import org.junit.jupiter.api.Test;

/** Filters and tests, from the list of Jinja2's documentation. */
class FilterTest {

  @Test
  void textFilters() {
    Rendering.check(
        """
        {{ "it's foo-bar (baz)"|title }} {{ s|capitalize }} {{ true|upper }} {{ none|string }} => It's Foo-Bar (Baz) Hello, world TRUE None
        [{{ ' a '|trim }}] {{ 'xax'|trim('x') }} {{ 'aaa'|replace('a', 1, 2) }} {{ 'a'|center(5) }}| => [a] a 11a   a  |
        {{ 'foo bar baz qux'|truncate(9) }} {{ 'foo bar baz qux'|truncate(9, true) }} {{ 'foo bar baz qux'|truncate(11) }} {{ s|wordcount }} => foo... foo ba... foo bar baz qux 2
        {{ 'a¶b¶¶c'|indent(2, true) }}| {{ 'a¶b'|indent('>>') }} {{ 'The quick brown'|wordwrap(10) }} =>   a¶  b¶¶  c| a¶>>b The quick¶brown
        {{ [1, none, 'a']|join(', ') }} {{ msgs|join('-', attribute='role') }} {{ '%s-%s'|format(1, 2) }} => 1, None, a system-user-user 1-2
        {{ '<a>&'|e }} {{ '<b>'|e|e }} {{ '<p>a  b</p><!-- c -->'|striptags }} {{ 'a b/c?\u00e9'|urlencode }} => &lt;a&gt;&amp; &lt;b&gt; a b a%20b/c%3F%C3%A9
        {{ 'abc'|truncate(255, false, '...', 9223372036854775807) }} {{ 'abc'|truncate(9223372036854775807) }} => abc abc
        {{ [1, 2]|truncate(5)|first }} {{ ('<b> &'|e)|truncate(8, true, '<', 0) }} {{ ('a '|e)|trim is escaped }} => 1 &lt;b&g&lt; True
        {{ 'well-known a--b ab-1-c'|wordwrap(6, wrapstring='/') }} {{ 'a bcdefgh'|wordwrap(2, wrapstring='/') }} {{ '\u00a0 a'|wordwrap(1) }} {{ '\ud83d\ude00\ud83d\ude00x'|wordwrap(2, wrapstring='/') }} => well-/known/a--b/ab-1-c a /bc/de/fg/h a \ud83d\ude00\ud83d\ude00/x
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {{ 5|wordwrap }} => wordwrap needs a string, got 'int'
        {{ missing|wordwrap }} => 'missing' is undefined
        {{ 5|truncate(6) }} => object of type 'int' has no len()
        {{ [1, 2]|truncate(1, end='', leeway=0) }} => truncate needs a string, got 'list'
        {{ missing|truncate(5)|indent }} => 'missing' is undefined
        {{ {1: 2}|xmlattr }} => xmlattr needs strings as keys, got 'int'
        """);
  }

  @Test
  void numberFilters() {
    Rendering.check(
        """
        {{ 3.7|int }} {{ '42'|int }} {{ 'x'|int(7) }} {{ '0x1f'|int(base=16) }} {{ '1.9'|int }} {{ none|int }} => 3 42 7 31 1 0
        {{ '3.5'|float }} {{ 'x'|float(1.5) }} {{ 2.567|round(2) }} {{ 2.5|round }} {{ 2.1|round(0, 'ceil') }} {{ -3|abs }} => 3.5 1.5 2.57 2.0 3.0 3
        {{ l|sum }} {{ [{'x': 1}, {'x': 2}]|sum('x', 10) }} {{ 1234567|filesizeformat }} {{ 1|filesizeformat }} => 6 13 1.2 MB 1 Byte
        {{ -0.2|round(0, 'ceil') }} {{ (-8.39760056507501e+32)|round(0, 'ceil') }} {{ 12345|round(-2, 'ceil') }} {{ 2.341|round(2, 'ceil') }} => 0.0 -8.39760056507501e+32 12400.0 2.35
        {{ 1e60|filesizeformat }} {{ (0 - 10**30)|filesizeformat }} {{ 1000|filesizeformat }} => 999999999999999894846684784341549056.0 YB -1000000000000000019884624838656 Bytes 1.0 kB
        """);
  }

  @Test
  void sequenceFilters() {
    Rendering.check(
        """
        {{ l|first }}{{ l|last }}{{ s|first }}{{ e|first }}|{{ l|max }}{{ ['b', 'A']|min }}{{ e|max }}| => 32H|3A|
        {{ l|sort }}{{ ['b', 'A']|sort }}{{ ['b', 'A']|sort(case_sensitive=true, reverse=true) }}{{ msgs|sort(attribute='content', reverse=true)|map(attribute='content')|list }} => [1, 2, 3]['A', 'b']['b', 'A']['U2', 'U1', 'S']
        {{ msgs|groupby('role')|map('first')|list }}{% for g in msgs|groupby('role') %}{{ g.grouper }}{{ g.list|length }}{% endfor %} => ['system', 'user']system1user2
        {{ [1, 1, 2]|unique|list }} {{ ['a', 'A']|unique|list }} {{ [1, 2, 3, 4, 5]|batch(2, 'x')|list }} {{ [1, 2, 3]|slice(2)|list }} => [1, 2] ['a'] [[1, 2], [3, 4], [5, 'x']] [[1, 2], [3]]
        {{ l|reverse|list }}{{ s|reverse }}{{ 'ab'|list }}{{ d|items|list|length }}{{ {'b': 1, 'A': 2}|dictsort }} => [2, 1, 3]dlroW ,olleH['a', 'b']3[('A', 2), ('b', 1)]
        {{ msgs|selectattr('role', 'equalto', 'user')|map(attribute='content')|join }} {{ [1, 2, 3]|reject('odd')|list }} {{ [0, 1]|select|list }} {{ ['a']|map('upper')|list }} => U1U2 [2] [1] ['A']
        {{ missing|default('d') }}{{ ''|default('e', true) }}{{ missing|length }}{{ missing|list }} => de0[]
        {{ missing|selectattr|list }}{{ []|reject('nope')|list }}{{ []|map|list }} => [][][]
        """);
  }

  @Test
  void toJsonIsPythonsDumps() {
    Rendering.check(
        """
        {{ {'a': [1, 1.0, true, none], 'b': '\u00e9<>"¶'}|tojson }} => {"a": [1, 1.0, true, null], "b": "\u00e9<>\\"\\n"}
        {{ {'b': 1, 'a': {}}|tojson(separators=(',', ':'), sort_keys=true) }} {{ '\u00e9'|tojson(ensure_ascii=true) }} => {"a":{},"b":1} "\\u00e9"
        {{ {'a': [1, []]}|tojson(indent=2) }} => {¶  "a": [¶    1,¶    []¶  ]¶}
        {{ {1: 2, none: 3, true: 4}|tojson }} {{ (1, 2)|tojson }} => {"1": 4, "null": 3} [1, 2]
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        "{{ missing|tojson }} => Object of type Undefined is not JSON serializable");
  }

  @Test
  void testsAreJinjas() {
    Rendering.check(
        """
        {{ n is number }}{{ n is integer }}{{ f is float }}{{ t is integer }}{{ s is string }}{{ d is mapping }}{{ d is sequence }} => TrueTrueTrueFalseTrueTrueTrue
        {{ n is odd }}{{ 6 is divisibleby 3 }}{{ n is eq 5 }}{{ 'a' is in ['a'] }}{{ n is ge(6) }}{{ n is iterable }} => TrueTrueTrueTrueFalseFalse
        {{ missing is none }}{{ none is none }}{{ missing is undefined }}{{ 1 is true }}{{ 'a' is lower }}{{ range is callable }} => FalseTrueTrueFalseTrueTrue
        """);
  }
}
