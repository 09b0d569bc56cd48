package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * The structure of the Grafana dashboard, by Grafana's documented JSON model. Grafana itself is not
 * run: what it would refuse or leave blank is checked here instead.
 */
class DashboardTest {
  private static final int COLUMNS = 24;
  private static final Set<String> PANELS =
      Set.of("row", "timeseries", "stat", "table", "bargauge", "state-timeline");
  private static final Set<String> UNITS =
      Set.of("short", "none", "reqps", "s", "bytes", "percent", "percentunit");
  private static final Set<String> TRANSFORMATIONS =
      Set.of("organize", "convertFieldType", "sortBy");

  /** Grafana's own variables that the queries use. */
  private static final Set<String> BUILT_IN = Set.of("__rate_interval", "__range", "__all");

  private final JsonObject dashboard;

  DashboardTest() throws IOException {
    dashboard =
        JsonParser.parseString(
                Files.readString(Repository.path("serving-config/grafana/calm.json")))
            .getAsJsonObject();
  }

  private List<JsonObject> panels() {
    List<JsonObject> panels = new ArrayList<>();
    for (JsonElement panel : dashboard.getAsJsonArray("panels")) {
      panels.add(panel.getAsJsonObject());
    }
    return panels;
  }

  private static String text(JsonObject object, String key) {
    assertTrue(object.has(key), () -> key + " is missing in " + object);
    return object.get(key).getAsString();
  }

  @Test
  void hasWhatGrafanaNeedsToProvisionIt() {
    assertTrue(text(dashboard, "uid").matches("[A-Za-z0-9_-]{1,40}"));
    assertEquals("CALM", text(dashboard, "title"));
    assertTrue(dashboard.get("schemaVersion").getAsInt() >= 36, "timeseries, datasource objects");
    assertTrue(!dashboard.has("id"), "an id is of one installation");
    assertTrue(!dashboard.has("__inputs"), "inputs are asked for by hand alone");
    assertEquals("now", text(dashboard.getAsJsonObject("time"), "to"));
  }

  @Test
  void everyPanelIsOfAKnownKindWithItsOwnIdAndTitle() {
    Set<Integer> ids = new HashSet<>();
    Set<String> titles = new HashSet<>();
    for (JsonObject panel : panels()) {
      assertTrue(PANELS.contains(text(panel, "type")), panel::toString);
      assertTrue(ids.add(panel.get("id").getAsInt()), panel::toString);
      assertTrue(titles.add(text(panel, "title")), panel::toString);
      if (text(panel, "type").equals("row")) {
        continue;
      }
      assertDatasource(panel);
      JsonObject field = panel.getAsJsonObject("fieldConfig");
      assertTrue(UNITS.contains(text(field.getAsJsonObject("defaults"), "unit")), panel::toString);
      assertTrue(field.get("overrides").isJsonArray());
      if (panel.has("transformations")) {
        for (JsonElement step : panel.getAsJsonArray("transformations")) {
          assertTrue(TRANSFORMATIONS.contains(text(step.getAsJsonObject(), "id")));
        }
      }
      Set<String> references = new HashSet<>();
      assertTrue(panel.getAsJsonArray("targets").size() > 0, panel::toString);
      for (JsonElement element : panel.getAsJsonArray("targets")) {
        JsonObject target = element.getAsJsonObject();
        assertTrue(references.add(text(target, "refId")), target::toString);
        assertDatasource(target);
        assertTrue(!text(target, "expr").isBlank());
        text(target, "legendFormat");
      }
    }
  }

  private static void assertDatasource(JsonObject holder) {
    JsonObject datasource = holder.getAsJsonObject("datasource");
    assertEquals("prometheus", text(datasource, "type"));
    assertEquals("${datasource}", text(datasource, "uid"));
  }

  @Test
  void panelsLieBesideEachOtherInTheGrid() {
    Set<String> cells = new HashSet<>();
    for (JsonObject panel : panels()) {
      JsonObject grid = panel.getAsJsonObject("gridPos");
      int left = grid.get("x").getAsInt();
      int top = grid.get("y").getAsInt();
      int width = grid.get("w").getAsInt();
      int height = grid.get("h").getAsInt();
      assertTrue(left >= 0 && width > 0 && left + width <= COLUMNS && height > 0, panel::toString);
      for (int x = left; x < left + width; x++) {
        for (int y = top; y < top + height; y++) {
          assertTrue(cells.add(x + "," + y), () -> "it lies on another panel: " + panel);
        }
      }
    }
  }

  @Test
  void everyVariableIsDefined() {
    Set<String> defined = new TreeSet<>(BUILT_IN);
    for (JsonElement variable : dashboard.getAsJsonObject("templating").getAsJsonArray("list")) {
      defined.add(text(variable.getAsJsonObject(), "name"));
      text(variable.getAsJsonObject(), "type");
    }
    Matcher used = Pattern.compile("\\$\\{?(\\w+)").matcher(dashboard.toString());
    Set<String> names = new TreeSet<>();
    while (used.find()) {
      names.add(used.group(1));
    }
    names.removeAll(defined);
    assertEquals(Set.of(), names);
  }
}
