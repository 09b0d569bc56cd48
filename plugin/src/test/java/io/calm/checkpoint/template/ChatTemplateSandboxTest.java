package io.calm.checkpoint.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateSandboxTest {
  private static final List<Map<String, Object>> HI =
      List.of(Map.of("role", "user", "content", "Hi"));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ messages.getClass() }}",
        "{{ 'x'.getClass().forName('java.lang.Runtime') }}",
        "{{ messages[0].content.getBytes() }}",
        "{{ messages.clear() }}",
        "{{ messages[0].clear() }}",
        "{% for m in messages %}{{ loop.getClass() }}{% endfor %}",
        "{% include 'META-INF/MANIFEST.MF' %}",
        "{% from 'x' import y %}",
        "{% for i in range(1000) %}{% for j in range(2000) %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% if %}",
        "{{ 1 +/ 2 }}"
      })
  void whatATemplateMayNotDoIsRefused(String template) {
    CheckpointException refused =
        assertThrows(CheckpointException.class, () -> render(template, HI), template);
    String message = String.valueOf(refused.getMessage());
    assertTrue(message.startsWith("chat template, line "), message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ messages.class }}",
        "{{ messages[0].content.class }}",
        "{{ messages[0].content.bytes }}",
        "{% for m in messages %}{{ loop.class.classLoader }}{% endfor %}",
        "{{ ____int3rpr3t3r____.config }}"
      })
  void javaIsUndefined(String template) {
    assertEquals("", render(template, HI));
  }

  @Test
  void anExplosionOfTextStopsAtTheLimit() {
    String template =
        "{% set ns = namespace(s='0123456789') %}{% for i in range(40) %}"
            + "{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}";
    assertThrows(CheckpointException.class, () -> render(template, HI));
  }

  @Test
  void contentsAreDataNotTemplates() {
    String content = "{{ 7 * 7 }}{% raw %}{# x #}\\n ${1} <b>&amp;</b>";
    assertEquals(
        content,
        render("{{ messages[0].content }}", List.of(Map.of("role", "user", "content", content))));
  }

  @Test
  void partsOfTextAreJoined() {
    Map<String, Object> parts =
        Map.of(
            "role",
            "user",
            "content",
            List.of(Map.of("type", "text", "text", "a"), Map.of("type", "text", "text", "b")));
    assertEquals("a\nb", render("{{ messages[0].content }}", List.of(parts)));
  }

  @Test
  void aPartThatIsNoTextIsTheClientsError() {
    Map<String, Object> image =
        Map.of("role", "user", "content", List.of(Map.of("type", "image_url")));
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> render("{{ messages[0].content }}", List.of(image)));
    assertEquals(
        "messages[0].content: expected parts of type text, got image_url; this model reads text only",
        refused.getMessage());
  }

  @Test
  @SuppressWarnings("NullAway") // a client may send null
  void aNullContentIsEmpty() {
    Map<String, Object> message = new HashMap<>();
    message.put("role", "assistant");
    message.put("content", null);
    assertEquals(
        "[assistant][]",
        render("[{{ messages[0].role }}][{{ messages[0].content + '' }}]", List.of(message)));
    assertFalse(message.containsKey("tool_calls"));
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
    String template = "{{ bos_token is defined }}{{ bos_token }}";
    JinjaChatTemplate none = new JinjaChatTemplate(template, Optional.empty(), Optional.empty());
    assertEquals("false", none.render(HI, true));
  }

  @Test
  void renderingsDoNotDisturbEachOther() {
    String template = "{% for m in messages %}{% set x = m.content %}{{ x }}{% endfor %}";
    JinjaChatTemplate shared = new JinjaChatTemplate(template, Optional.empty(), Optional.empty());
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

  private static String render(String template, List<Map<String, Object>> messages) {
    return new JinjaChatTemplate(template, Optional.empty(), Optional.empty())
        .render(messages, true);
  }
}
