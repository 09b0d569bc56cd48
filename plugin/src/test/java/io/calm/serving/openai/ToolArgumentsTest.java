package io.calm.serving.openai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.template.ChatTemplateLoader;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.model.CheckpointParts;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.serving.reply.JsonBody;
import io.calm.serving.reply.Schema;
import io.calm.testing.ScriptedModels;
import io.prometheus.client.CollectorRegistry;
import java.nio.charset.StandardCharsets;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Arguments of tool calls, from a request's body to the text of its prompt. */
class ToolArgumentsTest {
  private static final String QWEN =
      """
      {%- for message in messages %}
      {%- if message.role == "assistant" and message.tool_calls %}
      {%- for tool_call in message.tool_calls %}
      {%- if tool_call.function is defined %}{% set tool_call = tool_call.function %}{% endif %}
      {{- '<tool_call>{"name": "' + tool_call.name + '", "arguments": ' }}
      {{- tool_call.arguments | tojson }}
      {{- '}</tool_call>' }}
      {%- endfor %}
      {%- else %}{{- message.role + ': ' + message.content }}{% endif %}
      {%- endfor %}
      """;

  private static final String LLAMA =
      """
      {%- for message in messages %}
      {%- if 'tool_calls' in message %}
      {%- if not message.tool_calls|length == 1 %}{{ raise_exception("one tool-call!") }}{% endif %}
      {%- set tool_call = message.tool_calls[0].function %}
      {{- '{"name": "' + tool_call.name + '", "parameters": ' }}
      {{- tool_call.arguments | tojson }}
      {{- "}" }}
      {%- else %}{{- message.role + ': ' + message.content }}{% endif %}
      {%- endfor %}
      """;

  private static final String DEEPSEEK =
      """
      {%- for message in messages %}
      {%- if message['role'] == 'assistant' and 'tool_calls' in message %}
      {%- for tool in message['tool_calls'] %}
      {{- message['content'] + tool['function']['name'] + '\\n```json\\n'
          + tool['function']['arguments'] + '\\n```' }}
      {%- endfor %}
      {%- else %}{{- message['role'] + ': ' + message['content'] }}{% endif %}
      {%- endfor %}
      """;

  private static final String NO_TOOLS =
      "{% for message in messages %}{{ message.role }}: {{ message.content }}{% endfor %}";

  private static final String FUNCTIONS =
      "{% for message in messages if message.function_call %}"
          + "{{ message.function_call.arguments | tojson }}{% endfor %}";

  private static final ServedModel SCRIPTED = ScriptedModels.create("m");

  private final ByteBudget budget = new ByteBudget(1 << 24);

  @AfterAll
  static void stop() {
    SCRIPTED.close();
  }

  private static ServedModel model(String template) {
    ChatTemplate chat =
        ChatTemplateLoader.fromGguf(Map.of("tokenizer.chat_template", template)).orElseThrow();
    CheckpointParts parts = SCRIPTED.parts();
    return SCRIPTED.withParts(
        new CheckpointParts(parts.spec(), parts.tokenizer(), Optional.of(chat), parts.defaults()));
  }

  private static String call(String arguments) {
    return "{'role': 'assistant', 'content': '', 'tool_calls': [{'id': 'call00000', 'type':"
            .replace('\'', '"')
        + " \"function\", \"function\": {\"name\": \"f\", \"arguments\": "
        + arguments
        + "}}]}";
  }

  private static JsonObject body(String... messages) {
    String body = "{\"messages\": [" + String.join(", ", messages) + "]}";
    return JsonBody.parse(body.getBytes(StandardCharsets.UTF_8));
  }

  private String prompt(String template, JsonObject body) {
    try (ByteBudget.Charge charge = budget.charge()) {
      return OpenAiParser.chat(
              model(template), body, InstantSource.system(), Framing.OPENAI, charge)
          .prompts()
          .get(0)
          .text();
    }
  }

  private String prompt(String template, String arguments) {
    return prompt(template, body(call(arguments)));
  }

  private static String quoted(String text) {
    return new JsonPrimitive(text).toString();
  }

  private ApiException refusal(String... arguments) {
    String[] calls = new String[arguments.length];
    for (int i = 0; i < calls.length; i++) {
      calls[i] = call(quoted(arguments[i]));
    }
    return assertThrows(ApiException.class, () -> prompt(QWEN, body(calls)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"z\": 1, \"a\": [true, null, -0.5], \"m\": {\"city\": \"Zürich <b>\"}}",
        "{\"city\": null}",
        "{\"id\": 12345678901234567890}",
        "{\"prompt\": [1, 2, 3]}",
        "{\"prompt\": [[1], [2]], \"arguments\": \"{}\"}",
      })
  void anObjectInAStringIsPrintedOnce(String json) {
    for (String form : List.of(json, quoted(json))) {
      assertEquals(
          "<tool_call>{\"name\": \"f\", \"arguments\": " + json + "}</tool_call>",
          prompt(QWEN, form));
      assertEquals("{\"name\": \"f\", \"parameters\": " + json + "}", prompt(LLAMA, form));
      assertEquals("f\n```json\n" + json + "\n```", prompt(DEEPSEEK, form));
    }
  }

  @Test
  void aTemplateThatJoinsStringsGetsTheClientsOwnText() {
    assertEquals("f\n```json\n{\"a\":1 }\n```", prompt(DEEPSEEK, quoted("{\"a\":1 }")));
    assertEquals("f\n```json\n\n```", prompt(DEEPSEEK, "\"\""));
  }

  @Test
  void noArgumentsAreAnEmptyObject() {
    assertEquals("{\"name\": \"f\", \"parameters\": {}}", prompt(LLAMA, "\"\""));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        " ",
        "null",
        "[1]",
        "5",
        "\"{}\"",
        "{",
        "{\"a\": }",
        "{'a': 1}",
        "{\"a\": NaN}",
        "{\"a\": 1, \"a\": 2}",
        "{\"a\": 1} {}",
        "{} // none",
        "\uFEFF{}",
        "\u2003{}",
        "{\"a\": \"\\ud800\"}",
        "Paris",
      })
  void anyOtherStringStaysAsItIs(String text) {
    assertEquals(
        "{\"name\": \"f\", \"parameters\": "
            + prompt(
                "{{ messages[0].tool_calls[0].function.arguments | string | tojson }}",
                quoted(text))
            + "}",
        prompt(LLAMA, quoted(text)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'tool_calls': [] | assistant: ",
        "'tool_calls': [1, {}, {'function': 2}, {'function': {}}] | assistant: ",
        "'tool_calls': {'function': {'arguments': 'a'}} | assistant: ",
        "'function_call': 'f' | assistant: ",
      })
  void aTemplateWithoutToolsIgnoresCalls(String calls, String text) {
    String message = "{'role': 'assistant', 'content': '', %s}".formatted(calls).replace('\'', '"');
    assertEquals(text.strip() + " ", prompt(NO_TOOLS, body(message)));
    assertEquals("assistant: ", prompt(NO_TOOLS, quoted("{\"a\": 1}")));
  }

  @Test
  void theOlderFunctionCallIsConvertedToo() {
    String message =
        "{\"role\": \"assistant\", \"function_call\": {\"name\": \"f\", \"arguments\": %s}}"
            .formatted(quoted("{\"a\": 1}"));
    assertEquals("{\"a\": 1}", prompt(FUNCTIONS, body(message)));
  }

  @Test
  void nestingIsLimited() {
    String deepest = "{\"a\": ".repeat(63) + "{}" + "}".repeat(63);
    assertEquals(
        "{\"name\": \"f\", \"parameters\": " + deepest + "}", prompt(LLAMA, quoted(deepest)));
    String message =
        "messages[0].tool_calls[0].function.arguments: expected JSON of at most 64 levels, and"
            + " 100000 values and keys in all such strings, got more";
    assertEquals(message, refusal("{\"a\": " + deepest + "}").getMessage());
    ApiException refused = refusal("{\"a\":" + "[".repeat(1_000_000));
    assertEquals(message, refused.getMessage());
    assertEquals(ApiException.Kind.INVALID, refused.kind());
    assertEquals("messages[0].tool_calls[0].function.arguments", refused.parameter().orElseThrow());
  }

  @Test
  void allArgumentsTogetherHaveTheLimitOfABody() {
    String half = "{\"a\": [" + "0, ".repeat(60_000) + "0]}";
    assertTrue(
        refusal(half, half)
            .getMessage()
            .startsWith("messages[1].tool_calls[0].function.arguments: expected JSON of at most"));
    String malformed = half.substring(0, half.length() - 1);
    assertTrue(refusal(malformed, malformed).getMessage().startsWith("messages[1]."));
  }

  @Test
  void parsedArgumentsAreChargedToTheBudgetOfBodies() {
    ByteBudget bodies = new ByteBudget(1 << 20);
    TextService service =
        new TextService(
            new CalmMetrics(new CollectorRegistry(), List::of),
            InstantSource.system(),
            bodies,
            new ByteBudget(1 << 20));
    ServedModel model = model(LLAMA);
    JsonObject large = body(call(quoted("{\"a\": [" + "0, ".repeat(10_000) + "0]}")));
    ApiException refused =
        assertThrows(ApiException.class, () -> service.prepare(model, Schema.CHAT, large, ""));
    assertEquals(ApiException.Kind.QUEUE_FULL, refused.kind());
    assertTrue(bodies.take(1 << 20), "all of the budget is free");
    bodies.give(1 << 20);
    service.prepare(model, Schema.CHAT, body(call(quoted("{\"a\": [0]}"))), "");
    assertTrue(bodies.take(1 << 20), "all of the budget is free");
  }
}
