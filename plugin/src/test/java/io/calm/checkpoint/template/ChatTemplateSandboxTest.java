package io.calm.checkpoint.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateSandboxTest {
  private static final List<Map<String, Object>> HI =
      List.of(Map.of("role", "user", "content", "Hi"));

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "{% include 'META-INF/MANIFEST.MF' %}~line 1: tag 'include' loads another template",
        "a^{% from 'x' import y %}~line 2: tag 'from' loads another template",
        "a^^{{ x|md5 }}~line 3: no filter named 'md5'",
        "{{ x is prime }}~line 1: no test named 'prime'",
        "{% do x %}~line 1: unknown tag 'do'",
        "{% if %}~line 1: expected an expression, got 'end of statement block'",
        "{{ 1 +/ 2 }}~line 1: unexpected '/'",
      })
  void whatCannotBeRunIsRefusedAtTheLoad(String template, String reason) {
    CheckpointException refused =
        assertThrows(
            CheckpointException.class, () -> template(template.replace('^', '\n')), template);
    String message = String.valueOf(refused.getMessage());
    assertTrue(message.startsWith("chat template, " + reason), message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ messages.getClass() }}",
        "{{ 'x'.getClass().forName('java.lang.Runtime') }}",
        "{{ messages[0].content.getBytes() }}",
        "{{ messages.clear() }}",
        "{{ messages[0].clear() }}",
        "{% for m in messages %}{{ loop.getClass() }}{% endfor %}",
        "{% for class, x in ['a'] %}{{ class }}{% endfor %}",
        "{% for i in range(10000) %}{% for j in range(20000) %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 1 + 'a' }}",
      })
  void whatATemplateMayNotDoIsTheRequestsError(String template) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> render(template, HI), template);
    String message = String.valueOf(refused.getMessage());
    assertTrue(message.startsWith("it fails in line 1: "), message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ messages.class }}",
        "{{ messages[0].content.class }}",
        "{{ messages[0].content.bytes }}",
        "{{ ____int3rpr3t3r____ }}",
        "{% for m in messages %}{{ loop.class }}{% endfor %}",
        "{{ messages|map(attribute='class')|join }}",
      })
  void javaIsUndefined(String template) {
    assertEquals("", render(template, HI));
  }

  @Test
  void aRefusalByTheTemplateIsItsWords() {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> render("{{ raise_exception('No ' ~ messages[0].role) }}", HI));
    assertEquals("No user", refused.getMessage());
  }

  @Test
  void anExplosionOfTextStopsAtTheLimit() {
    String template =
        "{% set ns = namespace(s='0123456789') %}{% for i in range(40) %}"
            + "{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}";
    assertThrows(IllegalArgumentException.class, () -> render(template, HI));
  }

  @Test
  void contentsAreDataNotTemplates() {
    String content = "{{ 7 * 7 }}{% raw %}{# x #}\\n ${1} <b>&amp;</b>";
    assertEquals(
        content,
        render("{{ messages[0].content }}", List.of(Map.of("role", "user", "content", content))));
  }

  @Test
  void theCallersMessagesStayAsTheyAre() {
    List<Map<String, Object>> messages = new ArrayList<>(HI);
    String template = "{% set messages = messages[1:] %}{{ messages | length }}{% set x = 1 %}";
    assertEquals("0", render(template, messages));
    assertEquals(HI, messages);
  }

  @Test
  void aModelWithoutBosHasNone() {
    assertEquals("False", render("{{ bos_token is defined }}{{ bos_token }}", HI));
  }

  @Test
  void specialTokensAreVariables() {
    JinjaChatTemplate template =
        new JinjaChatTemplate(
            "chat template",
            "{{ bos_token }}{{ pad_token }}",
            Map.of("bos_token", "<s>", "pad_token", "<pad>"));
    assertEquals("<s><pad>", template.render(HI, true));
  }

  @Test
  void renderingsDoNotDisturbEachOther() {
    JinjaChatTemplate shared =
        template("{% for m in messages %}{% set x = m.content %}{{ x }}{% endfor %}");
    Integer[] numbers = new Integer[64];
    Arrays.setAll(numbers, i -> i);
    boolean same =
        Arrays.stream(numbers)
            .parallel()
            .allMatch(
                i ->
                    shared
                        .render(List.of(Map.of("role", "user", "content", "m" + i)), true)
                        .equals("m" + i));
    assertTrue(same);
  }

  private static JinjaChatTemplate template(String source) {
    return new JinjaChatTemplate("chat template", source, Map.of());
  }

  private static String render(String template, List<Map<String, Object>> messages) {
    return template(template).render(messages, true);
  }
}
