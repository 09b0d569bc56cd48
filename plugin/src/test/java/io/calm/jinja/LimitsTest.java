package io.calm.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates that would use up time, memory or stack. */
class LimitsTest {
  /** Far beyond the limit of a rendering: a hang, not a slow machine. */
  private static final Duration HANG = Duration.ofSeconds(30);

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for i in range(50000) %}{% for j in range(50000) %}x{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}"
            + "{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}"
            + "{% endfor %}",
        "{{ 'a' * 9999999999 }}",
        "{{ [0] * 9999999999 }}",
        "{{ 'a'.ljust(2000000000) }}",
        "{{ 'a'|center(9223372036854775807) }}",
        "{{ 'a'.ljust(4611686018427387905, '\uD83D\uDE00') }}",
        "{{ '\uD83D\uDE00'.rjust(9223372036854775807) }}",
        "{{ 'a'.zfill(9223372036854775807) }}",
        "{{ 'a\tb'.expandtabs(9223372036854775807) }}",
        "{{ '%*d' % (9223372036854775807, 1) }}",
        "{{ '{:2000000000}'.format(1) }}",
        "{{ '%2000000000d' % 1 }}",
        "{{ '%.99999f' % 1.5 }}",
        "{{ 'a\nb'|indent(2000000000) }}",
        "{{ [[1]]|tojson(indent=2000000000) }}",
        "{{ [1]|batch(2000000000, 0)|list }}",
        "{{ [1]|slice(2000000000)|list }}",
        "{{ 9 ** 999999999 }}",
        "{% set ns = namespace(x=3) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}"
            + "{% endfor %}",
        "{{ ('a' * 4000000).replace('', 'xxxxxxxxxx') }}",
        "{{ ('a ' * 4000000).split()|length }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f(n) %}{% if n %}{% set a = f(n - 1) %}{% set b = f(n - 1) %}{% endif %}"
            + "{% endmacro %}{{ f(30) }}",
        "{% macro g() %}{% call f() %}{{ g() }}{% endcall %}{% endmacro %}"
            + "{% macro f() %}{{ caller() }}{% endmacro %}{{ g() }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% block a %}{{ self.a() }}{% endblock %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}"
            + "{% set ns.x = ns.x|map('string') %}{% endfor %}{{ ns.x|list }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
            + "{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
            + "{% endfor %}{{ ns.x|tojson }}",
        "{% set ns = namespace(x=(1,), y=(1,)) %}{% for i in range(60) %}"
            + "{% set ns.x = (ns.x, ns.x) %}{% set ns.y = (ns.y, ns.y) %}{% endfor %}{{ ns.x == ns.y }}",
        "{% set ns = namespace(x=(1,)) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}"
            + "{% endfor %}{{ {ns.x: 1} }}",
        "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns }}",
        "{% set s = 'a' * 4000000 %}{% for i in range(99999) %}"
            + "{% set x = ('a' * 2000000 ~ 'b') in s %}{% endfor %}",
        "{% set s = 'a' * 4000000 %}{% for i in range(99999) %}{% set x = s[::-1] %}{% endfor %}",
        "{% set s = 'a' * 4000000 %}{% for i in range(99999) %}{% set x = s|length %}{% endfor %}",
        "{% set s = 'ab ' * 1000000 %}{% for i in range(99999) %}{% set x = s|title %}{% endfor %}",
        "{% for i in range(9999) %}{% set x = range(100000)|sort %}{% endfor %}",
      })
  void endWithAnErrorOfTheirOwn(String template) {
    Template parsed = Template.parse(template);
    TemplateLimitException stopped =
        assertTimeoutPreemptively(
            HANG, () -> assertThrows(TemplateLimitException.class, () -> parsed.render(Map.of())));
    assertTrue(String.valueOf(stopped.getMessage()).startsWith("line "));
  }

  /** Each single use is cheap enough to need no check of its own: the steps must tell. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "s.strip('bcdefghijklmnop' * 60000 ~ '\u4e2d')",
        "s|trim('bcdefghijklmnop' * 60000 ~ '\u4e2d')",
        "('\u4e2d' * 32 ~ 'y' ~ '\u4e2d' * 31) in s",
        "s.rfind('y' ~ '\u4e2d' * 63)",
        "s.find('\u4e2d')",
        "s.count('')",
        "s.center(1)",
        "s|int",
        "s|float",
        "s.isalnum()",
        "s.casefold()",
        "s[::999999]",
        "7 ** 5000 * 3",
        "'{:,}'.format(n)",
        "n|string",
        "n % 3",
        "d|string",
        "d|round(320)",
      })
  void stepsTellWithoutAClock(String expression) {
    String loop = "{% set x = " + expression + " %}";
    Template template =
        Template.parse(
            "{% set s = '\u4e2d' * 1000000 %}{% set n = 7 ** 5000 %}"
                + "{% set d = 1.2e-308 %}{% for i in range(100000) %}"
                + loop
                + "{% endfor %}",
            withoutClock(TemplateLimits.DEFAULTS.steps() / 10));
    assertTimeoutPreemptively(
        HANG, () -> assertThrows(TemplateLimitException.class, () -> template.render(Map.of())));
  }

  private static TemplateLimits withoutClock(long steps) {
    TemplateLimits d = TemplateLimits.DEFAULTS;
    return new TemplateLimits(
        d.source(),
        steps,
        d.output(),
        d.string(),
        d.items(),
        d.allocation(),
        d.nesting(),
        d.depth(),
        d.integerBits(),
        Duration.ofDays(1));
  }

  /** The variables of a call live until the calls inside it end. */
  @Test
  void parametersAndNamedArgumentsTakeMemory() {
    String many = "{% macro f(" + names(255, "") + ") %}{% endmacro %}";
    String any = "{% macro f() %}{% if kwargs %}{% endif %}{% endmacro %}";
    for (String[] row :
        new String[][] {
          {many, "f()"},
          {any, "f(" + names(255, "=1") + ")"},
          {any + "{% set a = dict(" + names(255, "=1") + ") %}", "f(**a)"},
        }) {
      Template template =
          Template.parse(
              row[0] + "{% for i in range(5000) %}{{ " + row[1] + " }}{% endfor %}",
              withoutClock(TemplateLimits.DEFAULTS.steps()));
      assertThrows(TemplateLimitException.class, () -> template.render(Map.of()), row[1]);
    }
    TemplateSyntaxException refused =
        assertThrows(
            TemplateSyntaxException.class,
            () -> Template.parse("{% macro f(" + names(256, "") + ") %}{% endmacro %}"));
    assertTrue(refused.getMessage().contains("more than 255 parameters"), refused.getMessage());
  }

  private static String names(int count, String suffix) {
    return IntStream.range(0, count)
        .mapToObj(i -> "a" + i + suffix)
        .collect(Collectors.joining(","));
  }

  @Test
  void manyArgumentsAreReadAtOnce() {
    StringBuilder call = new StringBuilder("{{ f(");
    for (int i = 0; i < 100_000; i++) {
      call.append('a').append(i).append("=1,");
    }
    String template = call.append(") }}").toString();
    assertTimeoutPreemptively(HANG, () -> Template.parse(template));
  }

  /** Each of these took quadratic time, or a frame of the stack for each repetition. */
  @Test
  void longTemplatesAreClassifiedAtOnce() {
    int count = 40_000;
    StringBuilder backwards = new StringBuilder();
    for (int i = count; i > 0; i--) {
      backwards.append("{%set a").append(i).append("=a").append(i - 1).append("%}");
    }
    String last = "{%for m in messages%}{%set b=m.content%}{%endfor%}";
    String[] templates = {
      backwards
          + "{%set a0=messages%}{%for m in a"
          + count
          + "%}{%for p in m.x%}{%endfor%}{%endfor%}",
      last + "{%for p in b" + "[:]".repeat(count) + "%}{%endfor%}",
      last + "{{b" + "|map".repeat(count) + "}}",
      last + "{%set c=b" + " if 1".repeat(count) + "%}{%for p in c%}{%endfor%}",
    };
    boolean[] expected = {false, true, true, true};
    for (int i = 0; i < templates.length; i++) {
      Template template = Template.parse(templates[i]);
      boolean loops =
          assertTimeoutPreemptively(HANG, () -> template.loopsOver("messages", "content"));
      assertEquals(expected[i], loops, templates[i].substring(0, 200));
    }
  }

  @Test
  void waitingForAProcessorIsNoWork() throws InterruptedException {
    RenderClock clock = new RenderClock();
    Thread.sleep(20);
    Duration limit = Duration.ofMillis(10);
    boolean known = ManagementFactory.getThreadMXBean().isCurrentThreadCpuTimeSupported();
    assertEquals(!known, clock.isOver(limit));
    assertTimeoutPreemptively(
        HANG,
        () -> {
          RenderClock busy = new RenderClock();
          while (!busy.isOver(limit)) {
            Thread.onSpinWait();
          }
        });
  }

  @Test
  void aSmallStackSuffices() throws InterruptedException {
    String deep =
        "{% if true %}".repeat(49) + "{{ " + "(".repeat(40) + "1" + ")".repeat(40) + " }}";
    Template template = Template.parse(deep + "{% endif %}".repeat(49));
    Template recursive =
        Template.parse("{% macro f(x) %}{{ f([x, {'a': (x, f(x))}]) }}{% endmacro %}{{ f(1) }}");
    StringBuilder result = new StringBuilder();
    Thread thread =
        new Thread(
            null,
            () -> {
              result.append(template.render(Map.of()));
              try {
                recursive.render(Map.of());
              } catch (TemplateLimitException e) {
                result.append(" stopped");
              }
            },
            "small stack",
            512 << 10);
    thread.start();
    thread.join();
    assertEquals("1 stopped", result.toString());
  }

  @Test
  void everyLimitIsNamed() {
    TemplateLimits small =
        new TemplateLimits(1000, 500, 50, 40, 8, 1 << 20, 12, 60, 100, Duration.ofSeconds(10));
    String[][] rows = {
      {"{% for i in range(999) %}{% endfor %}", "more work than 500 steps"},
      {"{% for i in range(9) %}{{ 'aaaaaaa' }}{% endfor %}", "output is longer than 50"},
      {"{{ 'a' * 41 }}", "string is longer than 40"},
      {"{{ [1] * 9 }}", "list has more than 8"},
      {"{{ 2 ** 101 }}", "integer is larger than 100 bits"},
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nest deeper than 60"},
    };
    for (String[] row : rows) {
      TemplateLimitException stopped =
          assertThrows(
              TemplateLimitException.class,
              () -> Template.parse(row[0], small).render(Map.of()),
              row[0]);
      assertTrue(String.valueOf(stopped.getMessage()).contains(row[1]), stopped.getMessage());
    }
    assertThrows(TemplateSyntaxException.class, () -> Template.parse("x".repeat(1001), small));
    assertThrows(
        IllegalArgumentException.class,
        () -> new TemplateLimits(1, 1, 1, 1, 1, 1, 1, 1, 1, Duration.ZERO));
  }

  @Test
  void aLongConversationFits() {
    Map<String, Object> message = Map.of("role", "user", "content", "word ".repeat(200));
    String template =
        "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content | trim }}\n{% if not loop.last %}"
            + "{{ m.content.split('</think>')[-1] | length }}{% endif %}{% endfor %}";
    List<Map<String, Object>> messages = Collections.nCopies(2000, message);
    String text = Template.parse(template).render(Map.of("messages", messages));
    assertTrue(text.length() > 2_000_000, text.length() + " characters");
  }
}
