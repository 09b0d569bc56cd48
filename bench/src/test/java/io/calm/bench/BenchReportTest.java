package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchReportTest {
  @TempDir Path directory;

  @Test
  void aRowHasTheMediansAndExactlyTheEightNames() throws Exception {
    StringWriter printed = new StringWriter();
    BenchReport report = new BenchReport(new PrintWriter(printed), 2, "avx512-vnni");
    report.add(
        new BenchReport.Subject("gemv", "14336x4096/g128", "GB/s", "read-limit"),
        new Series(List.of(30.0, 33.0, 31.0)),
        new Series(List.of(0.9, 0.97, 0.93)));
    Path file = directory.resolve("rows.json");
    report.write(file);

    JsonArray rows = JsonParser.parseString(Files.readString(file)).getAsJsonArray();
    assertEquals(1, rows.size());
    JsonObject row = rows.get(0).getAsJsonObject();
    assertEquals(
        Set.of("name", "shape", "threads", "kernel", "value", "unit", "against", "ratio"),
        row.keySet());
    assertEquals("gemv", row.get("name").getAsString());
    assertEquals("14336x4096/g128", row.get("shape").getAsString());
    assertEquals(2, row.get("threads").getAsInt());
    assertEquals("avx512-vnni", row.get("kernel").getAsString());
    assertEquals(31.0, row.get("value").getAsDouble());
    assertEquals("GB/s", row.get("unit").getAsString());
    assertEquals("read-limit", row.get("against").getAsString());
    assertEquals(0.93, row.get("ratio").getAsDouble());
    assertTrue(printed.toString().contains("30.00 to 33.00"), printed.toString());
  }
}
