package io.calm.settings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Compares the table of docs/reference/settings.md with the keys, in both directions. */
class SettingsDocumentationTest {
  private static final Set<String> TYPES =
      Set.of("flag", "choice", "name", "list", "integer", "number", "seconds", "path");

  /** A row of the table: key, type, default, allowed, changes, meaning. */
  private static List<List<String>> rows() throws IOException {
    return Files.readAllLines(Repository.path("docs/reference/settings.md")).stream()
        .filter(line -> line.startsWith("| `calm."))
        .map(
            line ->
                Arrays.stream(line.substring(1).split("\\|", -1))
                    .map(String::strip)
                    .filter(cell -> !cell.isEmpty())
                    .toList())
        .toList();
  }

  private static String withoutTicks(String cell) {
    return cell.replace("`", "");
  }

  @Test
  void theTableHasEveryKeyWithItsDefaultRangeAndEffect() throws IOException {
    Map<String, String> documented = new LinkedHashMap<>();
    for (List<String> row : rows()) {
      assertEquals(6, row.size(), row.toString());
      documented.put(
          withoutTicks(row.get(0)),
          withoutTicks(row.get(2)) + "; " + withoutTicks(row.get(3)) + "; " + row.get(4));
    }
    Map<String, String> known =
        SettingKeys.all().values().stream()
            .collect(
                Collectors.toMap(
                    SettingKey::name,
                    key ->
                        "%s; %s; %s"
                            .formatted(
                                key.defaultText(),
                                key.allowed().replace(" | ", ", "),
                                key.effect().name().toLowerCase(Locale.ROOT)),
                    (a, b) -> a,
                    LinkedHashMap::new));
    assertEquals(known, documented);
    assertEquals(List.copyOf(known.keySet()), List.copyOf(documented.keySet()), "the order");
  }

  @Test
  void everyKeyHasATypeAndAMeaning() throws IOException {
    List<List<String>> rows = rows();
    assertFalse(rows.isEmpty());
    for (List<String> row : rows) {
      assertTrue(TYPES.contains(row.get(1)), row.toString());
      assertTrue(row.get(5).length() > 10, row.toString());
    }
  }
}
