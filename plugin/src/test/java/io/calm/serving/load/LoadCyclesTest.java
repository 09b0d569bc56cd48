package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.runtime.Decoders;
import io.calm.testing.JavaProcess;
import io.calm.testing.Repository;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@EnabledOnOs(value = OS.LINUX, disabledReason = "resident memory is read from /proc")
class LoadCyclesTest {
  private static final int CYCLES = 50;
  private static final Pattern LINE = Pattern.compile("cycle (\\d+) rss ([0-9.]+) MiB");

  /** What the JVM itself still takes for code and classes; a model of 4 MiB more a cycle is 120. */
  private static final double SLACK_MIB = 12;

  @TempDir Path cache;

  @ParameterizedTest
  @ValueSource(strings = {"auto", "java"})
  void memoryIsTheSameAfterFiftyModelsAsAfterTwenty(String kernel) throws Exception {
    // The heap is touched from the start, so that what grows is native.
    JavaProcess.Command command =
        JavaProcess.of(
                LoadCycles.class,
                Repository.path("models/calm-tiny-llama").toString(),
                Integer.toString(CYCLES))
            .flags(
                "-Xms160m",
                "-Xmx160m",
                "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1")
            .environment("OPTION_CALM_ALGORITHM", "rtn")
            .environment("OPTION_CALM_KERNEL", kernel)
            .environment("OPTION_CALM_CACHE_DIR", cache.toString())
            .environment("OPTION_CALM_THREADS", "2")
            .environment("MALLOC_ARENA_MAX", "2"); // arenas of new threads look like a leak
    if (kernel.equals(Decoders.JAVA)) {
      command.environment("OPTION_CALM_WARM_UP", "false"); // slow, and the same in both
    }
    JavaProcess.Result result = command.run();
    assertEquals(0, result.status(), result::toString);
    String output = result.output();
    List<Double> rss = LINE.matcher(output).results().map(m -> Double.valueOf(m.group(2))).toList();
    assertEquals(CYCLES, rss.size(), output);
    // A cycle is measured before or after its mapped files are collected, 20 MiB apart. A leak
    // raises the minimum and the maximum.
    List<Double> early = rss.subList(0, 20);
    List<Double> late = rss.subList(CYCLES - 20, CYCLES);
    double grown =
        Math.min(
            Collections.min(late) - Collections.min(early),
            Collections.max(late) - Collections.max(early));
    System.out.printf(
        "%s: rss of the first 20 cycles %s to %s MiB, of the last 20 %s to %s MiB%n",
        kernel,
        Collections.min(early),
        Collections.max(early),
        Collections.min(late),
        Collections.max(late));
    assertTrue(grown < SLACK_MIB, "grown by %.1f MiB:%n%s".formatted(grown, output));
  }
}
