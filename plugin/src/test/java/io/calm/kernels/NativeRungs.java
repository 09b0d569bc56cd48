package io.calm.kernels;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.kernels.NativeKernels.Rung;
import java.util.List;
import java.util.stream.Stream;

/** The rungs of the native ladder that tests can run here. */
public final class NativeRungs {
  private NativeRungs() {}

  /** Says once a process what is not run. */
  private static final class Here {
    static final List<Rung> RUNGS = find();

    private static List<Rung> find() {
      List<Rung> rungs = NativeKernels.ladder().rungs();
      for (Rung rung : rungs) {
        rung.missing().ifPresent(why -> System.out.println(rung.name() + ": not run: " + why));
      }
      return rungs.stream().filter(rung -> rung.missing().isEmpty()).toList();
    }
  }

  /** Returns what this processor runs; without a library, the test is skipped with the reason. */
  public static Stream<Rung> here() {
    NativeKernels.Ladder ladder = NativeKernels.ladder();
    assumeTrue(ladder.problem().isEmpty(), () -> "skipped: " + ladder.problem().orElseThrow());
    return Here.RUNGS.stream();
  }
}
