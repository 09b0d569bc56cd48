package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cli.Main;
import io.calm.runtime.Decoders;
import io.calm.testing.Repository;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Runs {@code calm bench speculate} on a tiny model, whose answers repeat themselves. */
class SpeculateBenchTest {
  @Test
  void measuresEveryPromptWithEqualAnswers(@TempDir Path directory) throws Exception {
    Path json = directory.resolve("speculate.json");
    StringWriter output = new StringWriter();
    CommandLine line = Main.commandLine(new BenchCommand());
    line.setOut(new PrintWriter(output));
    line.setErr(new PrintWriter(output));
    int status =
        line.execute(
            "bench",
            "speculate",
            Repository.path("models/calm-tiny-llama").toString(),
            "--rounds=1",
            "--answer=20",
            "--kernel=" + Decoders.AUTO,
            "--threads=2",
            "--json=" + json,
            "-s",
            "calm.algorithm=rtn",
            "-s",
            "calm.lm-head=int8",
            "-s",
            "calm.cache-dir=" + directory.resolve("cache"));
    assertEquals(0, status, output.toString());
    String rows = output.toString().replaceAll(" +", " ");
    for (String name : new String[] {"edit", "summarize", "story", "random/sampled"}) {
      String row = "speculate calm-tiny-llama/" + name;
      assertTrue(rows.contains(row + " "), rows);
    }
    assertTrue(Files.readString(json).contains("\"against\": \"plain\""));
  }
}
