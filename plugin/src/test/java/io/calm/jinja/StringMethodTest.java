package io.calm.jinja;

import org.junit.jupiter.api.Test;

/** Methods of {@code str} and the three ways to format one. */
class StringMethodTest {

  @Test
  void methodsCut() {
    Rendering.check(
        """
        {{ s.split(', ') }} {{ ' a b  c '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} => ['Hello', 'World'] ['a', 'b', 'c'] ['a', 'b,c'] ['a,b', 'c']
        {{ 'a b c '.split(none, 1) }} {{ ' a b c'.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} => ['a', 'b c '] [' a b', 'c'] [] ['']
        {{ 'abc'.partition('b') }} {{ 'abc'.partition('z') }} {{ 'abc'.rpartition('z') }} => ('a', 'b', 'c') ('abc', '', '') ('', '', 'abc')
        {{ 'a¶b\\r¶c¶'.splitlines() }} {{ 'a¶b'.splitlines(true) }} => ['a', 'b', 'c'] ['a\\n', 'b']
        [{{ '  a '.strip() }}] [{{ ' a '.lstrip() }}] [{{ 'xxaxx'.rstrip('x') }}] => [a] [a ] [xxa]
        {{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('c') }}{{ 'abc'.removeprefix('z') }} => bcababc
        """);
  }

  @Test
  void methodsChange() {
    Rendering.check(
        """
        {{ s.upper() }} {{ s.swapcase() }} {{ "they're".title() }} {{ 'aBC'.capitalize() }} {{ '\u00df'.upper() }} {{ 'STRASSE \u00df'.casefold() }} => HELLO, WORLD hELLO, wORLD They'Re Abc SS strasse ss
        {{ 'aaa'.replace('a', 'b', 2) }} {{ 'abc'.replace('', '-') }} {{ '-'.join(['a', 'b']) }} => bba -a-b-c- a-b
        {{ '5'.zfill(3) }} {{ '-5'.zfill(4) }} {{ 'a'.ljust(3, '.') }} {{ 'a'.rjust(3) }} {{ 'ab'.center(5, '*') }} {{ 'abc'.center(6, '*') }} => 005 -005 a..   a **ab* *abc**
        {% set n = -9223372036854775807 - 1 %}{{ 'a'.ljust(n) }} {{ '-5'.zfill(n) }} {{ 'abcdefghi'.center(n) }} => a -5 abcdefghi
        """);
  }

  @Test
  void methodsSearchAndClassify() {
    Rendering.check(
        """
        {{ 'abcabc'.find('c') }} {{ 'abc'.find('z') }} {{ 'abcabc'.rfind('b') }} {{ 'aXbX'.count('X') }} {{ u.find('w') }} => 2 -1 4 2 8
        {{ 'abc'.startswith('a') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.endswith('c') }} {{ 'abc'.startswith('b', 1) }} => True True True True
        {{ 'x'.isalpha() }}{{ '\u00b2'.isdigit() }}{{ '\u00b2'.isdecimal() }}{{ '\u00bd'.isnumeric() }}{{ ''.isspace() }}{{ 'Ab C'.istitle() }} => TrueTrueFalseTrueFalseTrue
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {{ 'abc'.index('z') }} => substring not found
        {{ 'a'.split('') }} => empty separator
        {{ 'a'.join([1]) }} => sequence item 0: expected str instance, int found
        """);
  }

  @Test
  void formatHasTheMiniLanguage() {
    Rendering.check(
        """
        {{ '{} {}'.format(1, 'b') }} {{ '{1}{0}'.format('a', 'b') }} {{ '{a}'.format(a=1) }} {{ '{0[a]} {0.b}'.format({'a': 1, 'b': 2}) }} {{ '{{}}'.format() }} => 1 b ba 1 1 2 {}
        {{ '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}|{:#x}|{:b}'.format('a', 'b', 'c', 42, 3.14159, 1234567, 255, 5) }} =>     a|b    |  c  |00042|3.14|1,234,567|0xff|101
        {{ '{:*^9}|{:+d}|{:e}|{:%}|{:g}|{!r}|{:{}}'.format('mid', 5, 1234.5, 0.25, 1e20, 'x', 'y', 3) }} => ***mid***|+5|1.234500e+03|25.000000%|1e+20|'x'|y \s
        {{ '{:05}|{:<05}|{:+06d}|{:06,}|{:5c}|{:_x}'.format('a', -3, 4, 1234, 65, 100000) }} => a0000|-3000|+00004|01,234|    A|1_86a0
        {{ '{:#.0e}|{:#}|{:#.1}|{:.1}|{:#.3}|{:#.15g}'.format(200, 1e20, 0.0, 0.0, 0.0, 0.00006103515625) }} => 2.e+02|1.e+20|0.e+00|0e+00|0.00|6.10351562500000e-05
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {{ '{} {1}'.format(1, 2) }} => cannot switch
        {{ '{:d}'.format('a') }} => Unknown format code 'd' for object of type 'str'
        {{ '{:+}'.format('a') }} => Sign not allowed in string format specifier
        {{ '{:#}'.format('a') }} => Alternate form (#) not allowed in string format specifier
        {{ '{:0=5}'.format('a') }} => '=' alignment not allowed in string format specifier
        {{ '{:,}'.format('a') }} => Cannot specify ',' with 's'.
        {{ '{:,x}'.format(5) }} => Cannot specify ',' with 'x'.
        {{ '{:_n}'.format(5) }} => Cannot specify '_' with 'n'.
        {{ '{:+c}'.format(65) }} => Sign not allowed with integer format specifier 'c'
        {{ '{'.format() }} => Single '{' encountered
        {{ '{0.__class__.x}'.format('x') }} => is unsafe
        """);
  }

  @Test
  void percentFormats() {
    Rendering.check(
        """
        {{ '%s is %d and %05.2f %r %%' % ('a', 3, 2.5, 'q') }} {{ '%(a)s' % {'a': 1} }} => a is 3 and 02.50 'q' % 1
        {{ '%5s|%-5s|%x|%#x|%o|%e|%g|%+d|% d|%.2s|%*d' % ('a', 'b', 255, 255, 8, 12345.678, 0.00001, 5, 5, 'abc', 4, 7) }} =>     a|b    |ff|0xff|10|1.234568e+04|1e-05|+5| 5|ab|   7
        {{ '%#.0e|%#.0f|%#.0g|%.0c' % (200, 2, 200, 'a') }} => 2.e+02|2.|2.e+02|a
        {{ ('a b'|e).split() }} {{ ('a b'|e).partition(' ')|last is escaped }} {{ ('{y}'|e).format_map({'y': '<'}) }} => [Markup('a'), Markup('b')] True &lt;
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {{ '%d' % 'a' }} => a real number is required, not str
        {{ '%s %s' % 'a' }} => not enough arguments for format string
        {{ 'a' % 1 }} => not all arguments converted
        """);
  }
}
