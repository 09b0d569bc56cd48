package io.calm.checkpoint.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.CheckpointException;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChatTemplateLoaderTest {
  private static final List<Map<String, Object>> HI =
      List.of(Map.of("role", "user", "content", "Hi"));

  @TempDir private Path directory;

  @Test
  void aDirectoryWithoutOneHasNone() throws IOException {
    assertTrue(ChatTemplateLoader.fromDirectory(directory).isEmpty());
    write("tokenizer_config.json", "{\"chat_template\": null}");
    assertTrue(ChatTemplateLoader.fromDirectory(directory).isEmpty());
    assertTrue(ChatTemplateLoader.fromGguf(Map.of()).isEmpty());
  }

  @Test
  void aStringWithTokensOfBothForms() throws IOException {
    write(
        "tokenizer_config.json",
        "{\"chat_template\": \"{{ bos_token }}x{{ eos_token }}\", \"bos_token\": \"<s>\","
            + " \"eos_token\": {\"content\": \"</s>\", \"lstrip\": false}}");
    assertEquals("<s>x</s>", rendered());
  }

  @Test
  void ofNamedTemplatesTheDefault() throws IOException {
    write(
        "tokenizer_config.json",
        "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"no\"},"
            + " {\"name\": \"default\", \"template\": \"yes\"}]}");
    assertEquals("yes", rendered());
  }

  @Test
  void aTemplateThatCannotRunIsNamedWithItsFile() throws IOException {
    write("tokenizer_config.json", "{\"chat_template\": \"\\n{{ x|md5 }}\"}");
    String expected = ": chat template, line 2: no filter named 'md5'; expected Jinja2";
    String inFile = refusal(() -> ChatTemplateLoader.fromDirectory(directory));
    assertTrue(inFile.startsWith(directory.resolve("tokenizer_config.json") + expected), inFile);
    String inGguf =
        refusal(
            () -> ChatTemplateLoader.fromGguf(Map.of("tokenizer.chat_template", "\n{{ x|md5 }}")));
    assertTrue(inGguf.startsWith("GGUF metadata" + expected), inGguf);
  }

  private static String refusal(Executable opens) {
    return String.valueOf(assertThrows(CheckpointException.class, opens).getMessage());
  }

  @Test
  void filesOfTheirOwnComeFirst() throws IOException {
    write("tokenizer_config.json", "{\"chat_template\": \"config\", \"bos_token\": \"<s>\"}");
    write("chat_template.json", "{\"chat_template\": \"json\"}");
    assertEquals("json", rendered());
    write("chat_template.jinja", "{{ bos_token }}jinja");
    assertEquals("<s>jinja", rendered());
  }

  @Test
  void aListWithoutADefaultIsRefused() throws IOException {
    write("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"x\", \"template\": \"y\"}]}");
    CheckpointException refused =
        assertThrows(CheckpointException.class, () -> ChatTemplateLoader.fromDirectory(directory));
    assertTrue(
        String.valueOf(refused.getMessage()).contains("tokenizer_config.json, key chat_template"));
  }

  @Test
  void aTemplateThatIsNoStringIsRefused() throws IOException {
    write("tokenizer_config.json", "{\"chat_template\": 5}");
    String refused = refusal(() -> ChatTemplateLoader.fromDirectory(directory));
    assertTrue(refused.contains("expected a string, or a list"), refused);
    assertTrue(refused.contains("got 5"), refused);
  }

  @Test
  void aDamagedConfigIsRefused() throws IOException {
    write("tokenizer_config.json", "[");
    assertThrows(CheckpointException.class, () -> ChatTemplateLoader.fromDirectory(directory));
  }

  @Test
  void ggufTokensAreFoundById() {
    Map<String, Object> metadata =
        Map.of(
            "tokenizer.chat_template",
            "{{ bos_token }}x{{ eos_token }}",
            "tokenizer.ggml.tokens",
            List.of("<unk>", "<s>", "</s>"),
            "tokenizer.ggml.bos_token_id",
            1L,
            "tokenizer.ggml.eos_token_id",
            2L);
    assertEquals("<s>x</s>", ChatTemplateLoader.fromGguf(metadata).orElseThrow().render(HI, false));
    assertThrows(
        CheckpointException.class,
        () -> ChatTemplateLoader.fromGguf(Map.of("tokenizer.chat_template", 3L)));
  }

  @Test
  void theTinyModelsHaveOne() {
    Optional<ChatTemplate> template =
        ChatTemplateLoader.fromDirectory(Repository.path("models/calm-tiny-llama"));
    assertEquals(
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        template.orElseThrow().render(HI, true));
  }

  @Test
  void aClientsVariablesDoNotChangeTheTemplatesOwn() {
    Map<String, Object> metadata =
        Map.of(
            "tokenizer.chat_template",
            "{% if not think %}quiet {% endif %}{{ messages[0].content }}{{ add_generation_prompt }}");
    ChatTemplate template = ChatTemplateLoader.fromGguf(metadata).orElseThrow();
    assertEquals("quiet HiFalse", template.render(HI, false));
    assertEquals(
        "HiFalse",
        template.render(
            HI, false, Map.of("think", true, "messages", List.of(), "add_generation_prompt", "x")));
  }

  /** What Jinja2 renders with trim_blocks and lstrip_blocks. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      ignoreLeadingAndTrailingWhitespace = false,
      value = {
        "a {% if x %}b{% else %}c {% endif %}d {% set y=1 %} e|a c d  e",
        "x~  {% if 1 %} b {% endif %}~ z|x~ b  z",
        "  {% if 1 %}a{% endif %}|a",
        "{{ 1 }} {% if 1 %}a{% endif %}|1 a",
        "x~  {%+ if 1 %}b{% endif %}|x~  b",
        "x ~\t{%- if 1 -%} b {%- endif %}|xb",
        "x~ {# note #}~y|x~y",
      })
  void onlyTheIndentationOfBlocksIsTakenAway(String template, String expected) {
    Map<String, Object> metadata = Map.of("tokenizer.chat_template", template.replace('~', '\n'));
    assertEquals(
        expected.replace('~', '\n'),
        ChatTemplateLoader.fromGguf(metadata).orElseThrow().render(HI, false));
  }

  private String rendered() {
    return ChatTemplateLoader.fromDirectory(directory).orElseThrow().render(HI, false);
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
  }
}
