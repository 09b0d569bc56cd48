package io.calm.checkpoint.template;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.checkpoint.ChatTemplate.ArgumentForm;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArgumentProbeTest {

  @ParameterizedTest
  @CsvSource({
    "qwen25-tools, OBJECT",
    "qwen3-coder, OBJECT",
    "hermes, OBJECT",
    "llama31-tools, OBJECT",
    "mistral-v3-tools, OBJECT",
    "command-r7b, OBJECT",
    "exaone, OBJECT",
    "gpt-oss, OBJECT",
    "functionary, STRING",
    "apriel, STRING",
    "qwen3, AS_GIVEN",
    "kimi, AS_GIVEN",
    "deepseek-v31, AS_GIVEN",
    "glm4, AS_GIVEN",
    "chatml, AS_GIVEN",
    "llama2, AS_GIVEN",
    "mistral-v1, AS_GIVEN",
  })
  void templatesWrittenAsModelsHaveThem(String name, ArgumentForm form) throws IOException {
    String file = "plugin/src/test/resources/jinja/constructs/" + name + ".jinja";
    assertEquals(form, form(Files.readString(Repository.path(file))));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '@',
      value = {
        "{{ messages | tojson }} @ OBJECT",
        "{{ messages[1].tool_calls }} @ STRING",
        "{{ messages[1].content + messages[1].tool_calls[0].function.arguments }} @ STRING",
        "{{ messages[1].content + messages[1].tool_calls[0].function.arguments | tojson }}"
            + "@ OBJECT",
        "{{ messages[1].function_call.arguments | tojson }} @ OBJECT",
        "{{ messages[1].function_call.arguments }} @ STRING",
        "{% for k in messages[1].tool_calls[0].function.arguments.items() %}{{ k[0] }}=1"
            + "{% endfor %}"
            + "@ OBJECT",
        "{{ raise_exception('no calls') }} @ AS_GIVEN",
        "{{ messages[1].tool_calls[0].function.arguments | length }} @ AS_GIVEN",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %} @ AS_GIVEN",
      })
  void otherTemplates(String template, ArgumentForm form) {
    assertEquals(form, form(template));
  }

  private static ArgumentForm form(String template) {
    JinjaChatTemplate chat =
        new JinjaChatTemplate(
            "chat template", template, Map.of("bos_token", "<s>", "eos_token", "</s>"));
    ArgumentForm form = chat.argumentForm();
    assertEquals(form, chat.argumentForm());
    return form;
  }
}
