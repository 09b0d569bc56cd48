package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.compare.LatencyReport.ProbeState;
import io.calm.kernels.MachineInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Comparisons with a fake twin, which end with the test. */
abstract class TwinComparisonFixture {
  static final MachineInfo MACHINE =
      new MachineInfo("a processor", 2, "avx2", "Linux", "amd64", 1L << 34, "a JVM");

  @TempDir Path cache;

  final AtomicBoolean busy = new AtomicBoolean();
  private final List<TwinComparison> started = new ArrayList<>();

  @BeforeEach
  void makePrivate() throws Exception {
    Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwx------"));
  }

  @AfterEach
  void close() throws Exception {
    for (TwinComparison comparison : started) {
      comparison.close();
      assertTrue(comparison.awaitClosed(Duration.ofSeconds(30)));
    }
  }

  TwinComparison start(FakeTwin baseline, boolean auto, double share, MachineInfo machine) {
    return start(baseline, auto, share, machine, busy::get);
  }

  TwinComparison start(
      FakeTwin baseline,
      boolean auto,
      double share,
      MachineInfo machine,
      BooleanSupplier hasRequests) {
    TwinComparison comparison =
        TwinComparison.prepare(
                new ComparedModel("m", "calm", "abc", Optional.of(machine), 2, "copied"),
                new ComparisonOptions(
                    auto,
                    share,
                    Duration.ofMillis(50),
                    new Openings(baseline.openings, baseline.openings, -1),
                    PairedSteps.Limits.exactly(20),
                    baseline.clock::get),
                baseline,
                baseline::describe,
                Optional.of(new ProbeStore(cache)))
            .begin(hasRequests);
    started.add(comparison);
    return comparison;
  }

  static LatencyReport.Probe await(TwinComparison comparison, ProbeState wanted)
      throws InterruptedException {
    long start = System.nanoTime();
    while (comparison.report("m", "calm").probe().state() != wanted) {
      if (System.nanoTime() - start > Duration.ofSeconds(60).toNanos()) {
        throw new AssertionError("still " + comparison.report("m", "calm"));
      }
      Thread.sleep(5);
    }
    return comparison.report("m", "calm").probe();
  }
}
