package io.calm.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Templates of single features and their expected results or errors. */
final class Rendering {
  static final Clock CLOCK =
      Clock.fixed(
          LocalDateTime.of(2026, 11, 2, 9, 5, 7, 123_456_000).toInstant(ZoneOffset.UTC),
          ZoneOffset.UTC);

  private Rendering() {}

  /** Returns variables for all tests. */
  static Map<String, Object> variables() {
    Map<String, Object> dict = new LinkedHashMap<>();
    dict.put("b", 1);
    dict.put("a", List.of(1, 2));
    dict.put("items", "X");
    Map<String, Object> variables = new LinkedHashMap<>();
    variables.put("s", "Hello, World");
    variables.put("u", "h\u00e9llo \ud83d\ude00 w\u00f6rld");
    variables.put("n", 5);
    variables.put("f", 2.5);
    variables.put("t", true);
    variables.put("l", List.of(3, 1, 2));
    variables.put("d", dict);
    variables.put("e", List.of());
    variables.put(
        "msgs",
        Arrays.asList(
            Map.of("role", "system", "content", "S"),
            Map.of("role", "user", "content", "U1"),
            Map.of("role", "user", "content", "U2")));
    return variables;
  }

  static String render(String template) {
    return Template.parse(template).render(variables(), CLOCK);
  }

  /** Checks rows of template and result, separated by {@code =>}; {@code ¶} is a line feed. */
  static void check(String rows) {
    rows.lines()
        .filter(row -> !row.isBlank())
        .forEach(
            row -> {
              String[] cells = row.split(" => ?", -1);
              assertEquals(2, cells.length, row);
              assertEquals(
                  cells[1].replace('¶', '\n'), render(cells[0].replace('¶', '\n')), cells[0]);
            });
  }

  /** Checks rows of template and error, separated by {@code =>}. */
  static void fails(Class<? extends TemplateException> type, String rows) {
    rows.lines()
        .filter(row -> !row.isBlank())
        .forEach(
            row -> {
              String[] cells = row.split(" => ?", -1);
              TemplateException failure =
                  assertThrows(type, () -> render(cells[0].replace('¶', '\n')), cells[0]);
              String message = String.valueOf(failure.getMessage());
              assertTrue(message.contains(cells[1]), cells[0] + ": " + message);
            });
  }
}
