package io.calm.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The engine against a Python that runs beside it, on random templates. {@code CALM_TEST_PYTHON}
 * names a Python with jinja2 3.1; {@code -Dcalm.test.jinja.seed} and {@code
 * -Dcalm.test.jinja.templates} choose the templates.
 */
@Tag("python")
class JinjaLivePythonTest {
  private static final String PYTHON = System.getenv().getOrDefault("CALM_TEST_PYTHON", "");
  private static final Path SCRIPT = Repository.path("plugin/src/test/python/jinja_goldens.py");

  @TempDir Path directory;

  @Test
  void rendersRandomTemplatesAsPythonDoes() throws Exception {
    assumeTrue(
        hasJinja(), "no Python with jinja2 3.1: set CALM_TEST_PYTHON to one that has the package");
    long seed = Long.getLong("calm.test.jinja.seed", 1);
    int count = Integer.getInteger("calm.test.jinja.templates", 2000);
    System.out.printf("seed of the random templates: %d%n", seed);
    TemplateGrammar grammar = new TemplateGrammar(seed);
    List<String> templates = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      templates.add(grammar.template());
    }
    JsonObject variables = JinjaSuite.json("conversations.json").getAsJsonObject("values");
    List<Outcome> expected = inPython(templates, variables);
    Map<String, Object> values = JsonVariables.of(variables);
    List<String> differences = new ArrayList<>();
    int compared = 0;
    for (int i = 0; i < count; i++) {
      Outcome got = Outcome.render(templates.get(i), values);
      // The engine's limits are LimitsTest's; that of time depends on the machine.
      if (expected.get(i).isRepeatable() && !got.kind().equals("limit")) {
        compared++;
        if (!expected.get(i).sameAs(got)) {
          differences.add(templates.get(i) + "\n" + Outcome.difference(expected.get(i), got));
        }
      }
    }
    System.out.printf("compared %d of %d random templates with Python%n", compared, count);
    assertEquals(List.of(), differences, "seed " + seed);
  }

  private List<Outcome> inPython(List<String> templates, JsonElement variables) throws Exception {
    Path requests = directory.resolve("requests");
    List<String> lines = new ArrayList<>();
    for (String template : templates) {
      JsonObject request = new JsonObject();
      request.addProperty("template", template);
      request.add("variables", variables);
      lines.add(request.toString());
    }
    Files.write(requests, lines);
    Path answers = directory.resolve("answers");
    Process process =
        new ProcessBuilder(PYTHON, SCRIPT.toString(), "live")
            .redirectInput(requests.toFile())
            .redirectOutput(answers.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertEquals(0, process.waitFor(), "jinja_goldens.py live failed");
    return Files.readAllLines(answers, StandardCharsets.UTF_8).stream()
        .map(line -> Outcome.read(JsonParser.parseString(line).getAsJsonObject()))
        .toList();
  }

  private static boolean hasJinja() throws InterruptedException {
    if (PYTHON.isEmpty()) {
      return false;
    }
    try {
      return new ProcessBuilder(
                  PYTHON, "-c", "import jinja2; assert jinja2.__version__.startswith('3.1.')")
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    }
  }
}
