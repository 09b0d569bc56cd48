package io.calm.serving.openai;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ContinuedMessageTest {
  private static final String HEADER = "<assistant>\n\n";

  /** As in Llama 3, whose header ends with line feeds. */
  @ParameterizedTest
  @CsvSource(
      value = {
        "'' | ''", //
        "' ' | ''",
        "'so ' | so",
        "' so |' | so |",
      },
      delimiterString = " | ",
      ignoreLeadingAndTrailingWhitespace = false)
  void aTemplateThatTrimsKeepsItsOwnWhiteSpace(String content, String kept) {
    ContinuedMessage message = ContinuedMessage.lastOf(List.of(of(content)));
    assertEquals(HEADER + kept, message.cut(HEADER + marked(message, content).strip() + "<end>"));
  }

  @ParameterizedTest
  @CsvSource({"''", "' '", "'so '", "<end>"})
  void anotherTemplateKeepsThatOfTheMessage(String content) {
    ContinuedMessage message = ContinuedMessage.lastOf(List.of(of(content)));
    assertEquals(HEADER + content, message.cut(HEADER + marked(message, content) + "<end>"));
  }

  private static Map<String, Object> of(String content) {
    return Map.of("role", "assistant", "content", content);
  }

  private static String marked(ContinuedMessage message, String content) {
    return String.valueOf(message.mark(List.of(of(content))).get(0).get("content"));
  }
}
