package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeVariants;
import io.calm.testing.JavaProcess;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A whole search, own samples included, in one process for each number of threads, because the
 * engine's is fixed once in a process, for each kernel variant but the slow scalar one, and for the
 * sampling decoder in Java. Plan, blocks and tables must be the same, except for the seconds in the
 * plan and for what made it.
 */
class PlanBitsIT {
  @TempDir Path directory;

  private record Run(int threads, String kernel) {}

  /** Returns what is compared; the first is the reference. */
  private static List<Run> runs() {
    return Stream.concat(
            Stream.of(1, 2, 3).map(threads -> new Run(threads, "auto")),
            Stream.concat(Stream.of("java"), fastVariants()).map(kernel -> new Run(2, kernel)))
        .toList();
  }

  private static Stream<String> fastVariants() {
    return NativeVariants.here().map(KernelVariant::name).filter(name -> !name.equals("scalar"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"calm-tiny-qwen2", "calm-tiny-llama"})
  void threadsAndKernelsDoNotChangeAPlan(String model) throws Exception {
    assumeTrue(NativeVariants.here().findAny().isPresent(), "no native kernels on this machine");
    Path expected = null;
    for (Run run : runs()) {
      Path artifact = search(model, run);
      if (expected == null) {
        expected = artifact;
        continue;
      }
      assertEquals(expected.getFileName(), artifact.getFileName(), run + ": the key");
      assertEquals(plan(expected), plan(artifact), run + ": plan.json");
      for (String file : List.of("blocks.bin", "tables.bin")) {
        assertArrayEquals(
            Files.readAllBytes(expected.resolve(file)),
            Files.readAllBytes(artifact.resolve(file)),
            run + ": " + file);
      }
    }
  }

  /** Returns the plan without its times and without what made it. */
  private static String plan(Path artifact) throws IOException {
    JsonObject object =
        JsonParser.parseString(read(artifact.resolve("plan.json"))).getAsJsonObject();
    assertNotNull(object.remove("madeBy"));
    String plan = object.toString();
    String timeless = plan.replaceAll("\"seconds\" *: *[-+.eE0-9]+", "\"seconds\": 0");
    assertTrue(timeless.contains("\"seconds\": 0") && timeless.contains("\"qep\""), plan);
    return timeless;
  }

  /** Searches in a process and returns the directory of the artifact that it serves. */
  private Path search(String model, Run run) throws Exception {
    Path cache = directory.resolve(run.threads() + "-" + run.kernel());
    JavaProcess.Result result =
        JavaProcess.of(
                "io.calm.cli.Main",
                "quantize",
                Repository.path("models/" + model).toString(),
                "-s",
                "calm.cache-dir=" + cache,
                "-s",
                "calm.pool=rtn,gptq,awq,smoothquant,qep",
                "-s",
                "calm.calibration.samples=6",
                "-s",
                "calm.calibration.length=100",
                "-s",
                "calm.threads=" + run.threads(),
                "-s",
                "calm.kernel=" + run.kernel())
            .flags("-Xmx512m", "-XX:MaxDirectMemorySize=4g")
            .run();
    assertEquals(0, result.status(), () -> run + ": " + result);
    try (Stream<Path> artifacts = Files.list(cache.resolve("artifacts"))) {
      return artifacts.filter(PlanBitsIT::isOfTheWholePool).findFirst().orElseThrow();
    }
  }

  /** Returns whether an artifact is that of the search, not the uniform twin that it keeps. */
  private static boolean isOfTheWholePool(Path artifact) {
    Path plan = artifact.resolve("plan.json");
    return Files.exists(plan) && read(plan).contains("\"qep\"");
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return "not read: " + e.getMessage();
    }
  }
}
