package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.template.ChatTemplateLoader;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TemplateCheckTest {
  @TempDir private Path directory;

  private Optional<String> problem(String template) throws IOException {
    Files.writeString(directory.resolve("chat_template.jinja"), template);
    return ChatTemplateLoader.fromDirectory(directory).flatMap(TemplateCheck::problem);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{{ nofunc(3) }} | 'nofunc' is undefined",
        "{{ messages[0]['content'].nosuch() }} | 'str object' has no attribute 'nosuch'",
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ nofunc(3) }}"
            + "| 'nofunc' is undefined",
      })
  void aTemplateThatFailsIsNamedWithFileLineAndReason(String template, String reason)
      throws IOException {
    assertEquals(
        Optional.of(
            ("%s: chat template, line 2: %s; it fails for plain conversations, and such chats get"
                    + " 400: repair the template")
                .formatted(directory.resolve("chat_template.jinja"), reason)),
        problem("\n" + template));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ messages[0].content }}",
        "{{ raise_exception('this model takes a system message first') }}",
        "{{ messages[1].content.strip() }}",
        "{% if tools %}{{ nofunc(3) }}{% endif %}",
      })
  void aTemplateThatRendersOrRejectsIsNoProblem(String template) throws IOException {
    assertEquals(Optional.empty(), problem(template));
  }

  @Test
  void theTinyModelsTemplateIsNoProblem() {
    ChatTemplate template =
        ChatTemplateLoader.fromDirectory(Repository.path("models/calm-tiny-llama")).orElseThrow();
    assertEquals(Optional.empty(), TemplateCheck.problem(template));
  }
}
