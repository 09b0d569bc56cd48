package io.calm.checkpoint.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The contents, parts and reasoning that templates get. */
class ConversationTest {
  private static final Map<String, Object> TWO_PARTS =
      Map.of(
          "role",
          "user",
          "content",
          List.of(Map.of("type", "text", "text", "one"), Map.of("type", "text", "text", "two")));

  @Test
  void aRequestsVariablesWinOverSpecialTokensOnly() {
    String template =
        "{{ bos_token }}{{ eos_token }}{{ messages | length }}{{ tools }}{{ documents }}"
            + "{{ add_generation_prompt }}";
    JinjaChatTemplate chat =
        new JinjaChatTemplate(
            "chat template", template, Map.of("bos_token", "<s>", "eos_token", "</s>"));
    Map<String, Object> variables =
        Map.of(
            "bos_token",
            "<B>",
            "messages",
            List.of(),
            "tools",
            List.of("t"),
            "documents",
            "d",
            "add_generation_prompt",
            false);
    assertEquals("<B></s>1NoneNoneTrue", chat.render(List.of(TWO_PARTS), true, variables));
  }

  @ParameterizedTest
  @CsvSource({
    "{{ messages[0].role }}, system",
    "{% if messages[0].role == 'developer' %}d{% elif messages[0].role == 'system' %}s{% endif %}, d"
  })
  void aDeveloperIsTheSystemUnlessTheTemplateKnowsTheRole(String template, String shown) {
    assertEquals(shown, render(template, Map.of("role", "developer", "content", "Be brief.")));
  }

  /** Written as Mistral Nemo's, which lists the tool calls of another role by the same name. */
  @ParameterizedTest
  @ValueSource(
      strings = {"", "{% if loop.first and m.role != 'system' %}{{ none.x.y }}{% endif %}"})
  void aLoopOverAnotherRolesContentDoesNotMakeParts(String requirement) {
    String template =
        "{% for m in messages %}"
            + requirement
            + "{% if m.role != 'tool_calls' %}{{ '[' + m.content + ']' }}"
            + "{% else %}{% if m.tool_calls is defined %}{% set calls = m.tool_calls %}"
            + "{% else %}{% set calls = m.content %}{% endif %}"
            + "{% for call in calls %}{{ call.id }}{% endfor %}{% endif %}{% endfor %}";
    JinjaChatTemplate chat = new JinjaChatTemplate("chat template", template, Map.of());
    Map<String, Object> system = Map.of("role", "system", "content", "s");
    assertEquals(
        "[s][Hi][one\ntwo]",
        chat.render(List.of(system, Map.of("role", "user", "content", "Hi"), TWO_PARTS), false));
  }

  @Test
  void aTemplateOfStringsGetsPartsJoined() {
    assertEquals("one\ntwo", render("{{ messages[0].content }}", TWO_PARTS));
    assertEquals(
        "one\ntwo",
        render("{% for m in messages %}{{ m['content'] | trim }}{% endfor %}", TWO_PARTS));
    assertEquals(
        "2",
        render(
            "{% for line in messages[0].content.split('\\n') %}{{ loop.last and loop.index or '' }}"
                + "{% endfor %}",
            TWO_PARTS));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
            + "{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}",
        "{% for m in messages[0:] %}{% for p in m['content'] %}{{ p['text'] }}{% endfor %}{% endfor %}",
        "{% set all = messages %}{% for m in all %}{% for p in m.content if p.type == 'text' %}"
            + "{{ p.text }}{% endfor %}{% endfor %}",
        "{% macro show(content) %}{% if content is string %}{{ content }}{% else %}"
            + "{% for p in content %}{{ p.text }}{% endfor %}{% endif %}{% endmacro %}"
            + "{% for m in messages %}{{ show(m.content) }}{% endfor %}",
        "{% for m in messages %}{% set c = m.content %}{% for p in c %}{{ p.text }}{% endfor %}"
            + "{% endfor %}",
        "{% for m in messages %}{{ m.content | map(attribute='text') | join }}{% endfor %}",
      })
  void aTemplateThatWalksPartsGetsThem(String template) {
    assertEquals("onetwo", render(template, TWO_PARTS));
  }

  @Test
  void aStringStaysOneWhereTheTemplateTellsItApart() {
    String template =
        "{% for m in messages %}{% if m.content is string %}S{{ m.content }}{% else %}"
            + "{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}";
    assertEquals("Shi", render(template, Map.of("role", "user", "content", "hi")));
  }

  @Test
  void aStringIsOnePartWhereTheTemplateTakesPartsOnly() {
    String template =
        "{% for m in messages %}{% for p in m.content %}[{{ p.type }} {{ p.text }}]{% endfor %}"
            + "{% endfor %}";
    assertEquals("[text hi]", render(template, Map.of("role", "user", "content", "hi")));
    assertEquals("[text one][text two]", render(template, TWO_PARTS));
    assertEquals("[text a]", render(template, Map.of("role", "user", "content", List.of("a"))));
    assertEquals("", render(template, Map.of("role", "user", "content", "")));
  }

  @Test
  void aPartThatIsNoTextIsTheClientsError() {
    Map<String, Object> image =
        Map.of("role", "user", "content", List.of(Map.of("type", "image_url")));
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class, () -> render("{{ messages[0].content }}", image));
    assertEquals(
        "messages[0].content: expected parts of type text, got image_url; this model reads text only",
        refused.getMessage());
  }

  @Test
  @SuppressWarnings("NullAway") // a client may send null
  void aNullContentIsEmptyAndOtherNullsAreLeftOut() {
    Map<String, Object> message = new HashMap<>();
    message.put("role", "assistant");
    message.put("content", null);
    message.put("name", null);
    assertEquals(
        "[assistant][]False",
        render(
            "[{{ messages[0].role }}][{{ messages[0].content + '' }}]"
                + "{{ messages[0].name is defined }}",
            message));
    message.put("tool_calls", List.of(Map.of("id", "x")));
    assertEquals("False", render("{{ messages[0].content is defined }}", message));
  }

  @Test
  void reasoningHasAllItsNames() {
    String template = "{{ messages[0].reasoning_content }}|{{ messages[0].thinking }}";
    for (String name : List.of("reasoning", "thinking", "reasoning_content")) {
      assertEquals("r|r", render(template, Map.of("role", "assistant", name, "r")));
    }
  }

  private static String render(String template, Map<String, Object> message) {
    return new JinjaChatTemplate("chat template", template, Map.of())
        .render(List.of(message), false);
  }
}
