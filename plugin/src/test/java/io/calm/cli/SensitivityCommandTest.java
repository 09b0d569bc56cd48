package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.cka.Metric;
import io.calm.testing.JsonFile;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The table of a trained model of five blocks, on a part of them. */
class SensitivityCommandTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();

  @TempDir Path directory;

  private CommandRun run(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "sensitivity",
                TINY,
                "-s",
                "calm.cache-dir=" + directory.resolve("cache"),
                "-s",
                "calm.calibration.samples=4",
                "-s",
                "calm.calibration.length=48"));
    arguments.addAll(List.of(more));
    return CommandRun.of(arguments);
  }

  private Path log() throws IOException {
    try (Stream<Path> files = Files.list(directory.resolve("cache").resolve("sensitivity"))) {
      return files.filter(file -> file.toString().endsWith(".jsonl")).findFirst().orElseThrow();
    }
  }

  @Test
  void aTableIsPrintedAndASecondRunContinuesIt() throws IOException {
    Path text = Files.writeString(directory.resolve("a.txt"), "The cat sat. ".repeat(80));
    Path json = directory.resolve("table.json");
    String[] command = {
      "--blocks",
      "1,3-4",
      "--pool",
      "rtn,awq",
      "--text",
      text.toString(),
      "--windows",
      "2",
      "--length",
      "32",
      "--json",
      json.toString()
    };
    CommandRun whole = run(command);
    assertEquals(0, whole.status(), whole.err());
    List<String> lines = whole.out().lines().toList();
    assertEquals(
        List.of("1 rtn", "1 awq", "3 rtn", "3 awq", "4 rtn", "4 awq"),
        lines.subList(2, 8).stream()
            .map(line -> line.strip().split(" +", 3))
            .map(words -> words[0] + " " + words[1])
            .toList());
    for (String choice : List.of("perfect choice", "by cka ", "uniform-rtn", "uniform-awq")) {
      assertEquals(
          3, lines.stream().filter(line -> line.startsWith(choice)).count(), "two texts and both");
    }
    JsonObject table = JsonFile.object(json);
    assertEquals("[1,3,4]", table.get("blocks").toString());
    assertEquals("{\"guard part\":1,\"a.txt\":2}", table.get("windows").toString());
    for (JsonElement element : table.getAsJsonArray("cells")) {
      JsonObject cell = element.getAsJsonObject();
      JsonObject kl = cell.getAsJsonObject("kl");
      assertTrue(kl.getAsJsonObject("a.txt").get("mean").getAsDouble() > 0, cell.toString());
      assertTrue(kl.getAsJsonObject("guard part").get("standard_error").isJsonNull(), "one window");
      assertEquals(settings(), cell.getAsJsonObject("scores").keySet());
    }

    String cells = Files.readString(log());
    assertEquals(whole, run(command), "nothing is measured again");
    assertEquals(cells, Files.readString(log()));

    // A run that was killed while it wrote its fourth cell.
    List<String> finished = cells.lines().toList();
    String cut =
        String.join("\n", finished.subList(0, 3)) + "\n" + finished.get(3).substring(0, 40);
    Files.writeString(log(), cut);
    assertEquals(whole.out(), run(command).out());
    JsonArray again = JsonFile.object(json).getAsJsonArray("cells");
    assertEquals(timeless(table.getAsJsonArray("cells")), timeless(again));
  }

  private static Set<String> settings() {
    Set<String> settings = new TreeSet<>();
    for (Metric metric : Metric.values()) {
      settings.add(metric.setting());
    }
    return settings;
  }

  private static JsonArray timeless(JsonArray cells) {
    cells.forEach(cell -> cell.getAsJsonObject().remove("seconds"));
    return cells;
  }

  @Test
  void everyTextHasANameOfItsOwn() {
    Path inside = Path.of("sub", "a.txt");
    assertEquals("a.txt", SensitivityCommand.name(inside, Set.of()));
    assertEquals(inside.toString(), SensitivityCommand.name(inside, Set.of("a.txt")));
    Path plain = Path.of("a.txt");
    assertEquals(
        plain.toAbsolutePath().toString(), SensitivityCommand.name(plain, Set.of("a.txt")));
    for (String name : List.of("guard part", "all texts")) { // those of the table
      assertEquals(
          Path.of(name).toAbsolutePath().toString(),
          SensitivityCommand.name(Path.of(name), Set.of()));
    }
  }

  @Test
  void aWrongRequestSaysWhatIsExpected() throws IOException {
    Path text = Files.writeString(directory.resolve("short.txt"), "A few words.");
    assertTrue(
        run("--blocks", "5").err().contains("--blocks: expected numbers from 0 to 4, got 5"));
    assertTrue(run("--blocks", "x").err().contains("--blocks x: expected comma-separated numbers"));
    assertTrue(run("--length", "49", "--pool", "rtn").err().contains("--length: expected 2 to 48"));
    CommandRun nowhere = run("--json", directory.resolve("none").resolve("table.json").toString());
    assertTrue(
        nowhere.err().contains("--json: expected a file in an existing directory"), nowhere.err());
    CommandRun tooShort = run("--text", text.toString(), "--pool", "rtn");
    assertTrue(
        tooShort.err().contains("--text short.txt: expected a window of 48 tokens or more"),
        tooShort.err());
    assertEquals(1, tooShort.status());
    CommandRun noWindow = run("--windows", "0", "--pool", "rtn");
    assertTrue(noWindow.err().contains("--windows: expected 1"), noWindow.err());
    assertEquals(2, noWindow.status());
    CommandRun missing = run("--text", text.toString(), "missing.txt");
    assertTrue(missing.err().contains("missing.txt: no such file"), missing.err());
    for (String made : List.of("samples", "sensitivity")) {
      assertFalse(Files.exists(directory.resolve("cache").resolve(made)), made);
    }
  }
}
