package io.calm.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The engine against Python's Jinja2: every template and conversation of {@code
 * src/test/resources/jinja} must end as {@code src/test/python/jinja_goldens.py} recorded it, with
 * the same text or the same kind of error.
 */
class JinjaGoldenTest {
  private static final Map<String, Map<String, Object>> CONVERSATIONS = JinjaSuite.conversations();

  @TestFactory
  Stream<DynamicTest> rendersChatTemplatesAsPythonDoes() throws IOException {
    return tests(JinjaSuite.constructs(), JinjaSuite.goldens("constructs"), Set.of());
  }

  @TestFactory
  Stream<DynamicTest> rendersFeaturesAsPythonDoes() {
    return tests(
        JinjaSuite.features(), JinjaSuite.goldens("features"), JinjaSuite.refusedFeatures());
  }

  @Test
  void goldensAreOfTheTemplatesAsTheyAre() throws IOException {
    String remedy = "run jinja_goldens.py write plugin/src/test/resources/jinja";
    assertEquals(
        JinjaSuite.constructs().keySet(), JinjaSuite.goldens("constructs").keySet(), remedy);
    assertEquals(JinjaSuite.features().keySet(), JinjaSuite.goldens("features").keySet(), remedy);
  }

  private static Stream<DynamicTest> tests(
      Map<String, String> templates,
      Map<String, Map<String, Outcome>> goldens,
      Set<String> refused) {
    return templates.entrySet().stream()
        .map(
            template ->
                dynamicTest(
                    template.getKey(),
                    () -> {
                      Map<String, Outcome> expected = goldens.get(template.getKey());
                      if (refused.contains(template.getKey())) {
                        requireRefused(template.getKey(), template.getValue());
                      } else {
                        requireSame(template.getKey(), template.getValue(), expected);
                      }
                    }));
  }

  private static void requireSame(String name, String template, Map<String, Outcome> expected) {
    assertTrue(!expected.isEmpty(), name + " has no golden");
    List<String> differences = new ArrayList<>();
    expected.forEach(
        (conversation, golden) -> {
          Outcome got = Outcome.render(template, CONVERSATIONS.get(conversation));
          if (!golden.sameAs(got)) {
            differences.add(
                "%s on %s: %s".formatted(name, conversation, Outcome.difference(golden, got)));
          }
        });
    assertEquals(List.of(), differences, () -> "template:\n" + template);
  }

  private static void requireRefused(String name, String template) {
    Outcome got = Outcome.render(template, CONVERSATIONS.get("values"));
    assertTrue(
        Set.of("syntax", "runtime").contains(got.kind()),
        "%s: expected a refusal, got %s %s".formatted(name, got.kind(), got.words()));
    assertTrue(got.why().startsWith("line 1: "), got.why());
  }
}
