package io.calm.serving.openai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.calm.jinja.Template;
import io.calm.serving.reply.JsonBody;
import io.calm.serving.reply.RequestFields;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatMessagesTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"city\": null, \"unit\": \"C\"}",
        "[1, null, \"\", {\"a\": null}]",
        "12345678901234567890",
        "-9223372036854775809",
        "9007199254740993",
        "[1, 1.0, -0.5, 1e+16, true]",
      })
  void aTemplateGetsTheValuesOfTheRequest(String json) {
    String shown =
        render(
            "{{ messages[0].tool_calls[0].function.arguments | tojson }}",
            "{'role': 'assistant', 'tool_calls': [{'function': {'name': 'f', 'arguments': "
                + json
                + "}}]}");
    assertEquals(json, shown);
  }

  @Test
  void aMessageHasNoKeysWithoutAValue() {
    Map<String, Object> message = read("{'role': 'user', 'content': 'a', 'name': null}").get(0);
    assertFalse(message.containsKey("name"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ", 'tool_calls': null", ", 'tool_calls': []"})
  void aMessageWithoutCallsHasContent(String calls) {
    assertEquals(
        List.of(Map.of("role", "assistant", "content", "")),
        read("{'role': 'assistant', 'content': null" + calls + "}"));
  }

  @Test
  void aPartHasItsKeysInOrder() {
    assertEquals(
        "[{\"type\": \"text\", \"text\": \"a\"}, {\"type\": \"text\", \"text\": \"b\"}]",
        render(
            "{{ messages[0].content | tojson }}",
            "{'role': 'user', 'content': ['a', {'text': 'b', 'type': 'text'}]}"));
  }

  private static String render(String template, String message) {
    return Template.parse(template).render(Map.of("messages", read(message)));
  }

  private static List<Map<String, Object>> read(String message) {
    String body = "{'messages': [" + message + "]}";
    return ChatMessages.read(
        new RequestFields(JsonBody.parse(body.replace('\'', '"').getBytes(StandardCharsets.UTF_8))),
        1);
  }
}
