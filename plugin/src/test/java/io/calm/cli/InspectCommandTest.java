package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.artifact.PlanJson;
import io.calm.search.QuantPlan;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command that {@code calm inspect} names where there is no artifact, or a damaged one. */
class InspectCommandTest {
  @TempDir Path directory;

  @Test
  void theNamedCommandMakesTheMissingArtifact() throws IOException {
    Path model = Files.createDirectory(directory.resolve("a model"));
    Files.writeString(
        model.resolve("model.properties"),
        "option.model_id=%s\ncalm.group=64\ncalm.cache-dir=%s\n"
            .formatted(
                Repository.path("models/calm-tiny-llama").toAbsolutePath(),
                directory.resolve("cache")));
    List<String> arguments = List.of(model.toString(), "-s", "calm.algorithm=rtn");
    CommandRun missing = run("inspect", arguments);
    assertEquals(1, missing.status(), missing.out());
    String command = "make one with: ./calm quantize '%s' -s calm.algorithm=rtn".formatted(model);
    assertTrue(missing.err().strip().endsWith(command), missing.err());

    CommandRun made = run("quantize", arguments);
    assertEquals(0, made.status(), made.err());
    CommandRun found = run("inspect", arguments);
    assertEquals(0, found.status(), found.err());
    assertTrue(found.out().contains("rtn"), found.out());
    Path svg = directory.resolve("plan.svg");
    CommandRun drawn = run("inspect", with(arguments, "--svg", svg.toString()));
    assertEquals(found.out(), drawn.out(), "the table is printed too");
    assertTrue(Files.readString(svg).startsWith("<svg "), Files.readString(svg));

    CommandRun json = run("inspect", with(arguments, "--json"));
    assertEquals(0, json.status(), json.err());
    QuantPlan plan = PlanJson.read(json.out());
    assertEquals("uniform-rtn", plan.served());

    damage(directory.resolve("cache/artifacts"));
    CommandRun damaged = run("inspect", arguments);
    assertEquals(1, damaged.status(), damaged.out());
    String again =
        "%s: the artifact for these settings is damaged; make it again with: ./calm quantize '%s' -s calm.algorithm=rtn"
            .formatted(Repository.path("models/calm-tiny-llama"), model);
    assertTrue(damaged.err().strip().endsWith(again), damaged.err());
    assertFalse(damaged.err().contains("rebuilt"), damaged.err());
    assertEquals(0, run("quantize", arguments).status());
    assertEquals(0, run("inspect", arguments).status());
  }

  private static void damage(Path artifacts) throws IOException {
    try (Stream<Path> files = Files.walk(artifacts)) {
      Path blocks = files.filter(file -> file.endsWith("blocks.bin")).findFirst().orElseThrow();
      assertTrue(blocks.toFile().setWritable(true));
      byte[] bytes = Files.readAllBytes(blocks);
      bytes[bytes.length / 2] ^= 1;
      Files.write(blocks, bytes);
    }
  }

  private static List<String> with(List<String> arguments, String... more) {
    return Stream.concat(arguments.stream(), Stream.of(more)).toList();
  }

  private static CommandRun run(String command, List<String> arguments) {
    return CommandRun.of(Stream.concat(Stream.of(command), arguments.stream()).toList());
  }
}
