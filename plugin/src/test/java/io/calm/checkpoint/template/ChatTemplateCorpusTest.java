package io.calm.checkpoint.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Renderings of Jinja2, set up as transformers does it, of templates written as models have them.
 */
class ChatTemplateCorpusTest {
  private static final ZoneId ZONE = ZoneId.systemDefault();
  private static final Clock CLOCK =
      Clock.fixed(LocalDateTime.of(2026, 11, 22, 9, 5, 7).atZone(ZONE).toInstant(), ZONE);

  @TestFactory
  Stream<DynamicTest> rendersWhatJinja2Renders() throws IOException {
    JsonObject corpus;
    try (Reader reader =
        new InputStreamReader(
            Objects.requireNonNull(
                ChatTemplateCorpusTest.class.getResourceAsStream("/chat-templates.json")),
            StandardCharsets.UTF_8)) {
      corpus = JsonParser.parseReader(reader).getAsJsonObject();
    }
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonElement element : corpus.getAsJsonArray("templates")) {
      JsonObject entry = element.getAsJsonObject();
      JinjaChatTemplate template =
          new JinjaChatTemplate(
              "chat template",
              entry.get("template").getAsString(),
              Map.of("bos_token", "<s>", "eos_token", "</s>"));
      for (JsonElement one : entry.getAsJsonArray("cases")) {
        JsonObject expected = one.getAsJsonObject();
        int conversation = expected.get("conversation").getAsInt();
        JsonElement messages = corpus.getAsJsonArray("conversations").get(conversation);
        tests.add(
            DynamicTest.dynamicTest(
                entry.get("name").getAsString() + ", conversation " + conversation,
                () -> check(template, messages, expected)));
      }
    }
    return tests.stream();
  }

  private static void check(JinjaChatTemplate template, JsonElement messages, JsonObject expected) {
    boolean prompt = expected.get("add_generation_prompt").getAsBoolean();
    if (expected.has("error")) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () -> template.render(Messages.of(messages), prompt, Map.of(), CLOCK));
      assertEquals(expected.get("error").getAsString(), refused.getMessage());
    } else {
      assertEquals(
          expected.get("text").getAsString(),
          template.render(Messages.of(messages), prompt, Map.of(), CLOCK));
    }
  }
}
