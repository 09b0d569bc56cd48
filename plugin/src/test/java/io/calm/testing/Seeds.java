package io.calm.testing;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;

/**
 * Seeds of random tests: the same in every run, printed when the test fails, and replaced by {@code
 * -Dcalm.test.seed}. Tests that run in one process run one after the other.
 */
public final class Seeds implements LauncherSessionListener {
  private static final String PROPERTY = "calm.test.seed";
  private static final Optional<Long> GIVEN = Optional.ofNullable(Long.getLong(PROPERTY));

  /** Seeds of the test that runs and of the containers around it, outermost first. */
  private static final Deque<List<Long>> USED = new ArrayDeque<>(List.of(new ArrayList<>()));

  /** Returns the next seed of the running test: 1, 2, 3 and so on. */
  public static long next() {
    synchronized (USED) {
      return of(USED.getLast().size() + 1L);
    }
  }

  /** Returns a seed with a value of its own. */
  public static long of(long fixed) {
    long seed = GIVEN.orElse(fixed);
    synchronized (USED) {
      USED.getLast().add(seed);
    }
    return seed;
  }

  /** Names the seed that the running test got as an argument. */
  public static void given(long seed) {
    synchronized (USED) {
      USED.getLast().add(seed);
    }
  }

  @Override
  public void launcherSessionOpened(LauncherSession session) {
    session.getLauncher().registerTestExecutionListeners(new Printer());
  }

  private static final class Printer implements TestExecutionListener {
    @Override
    public void executionStarted(TestIdentifier test) {
      synchronized (USED) {
        USED.addLast(new ArrayList<>());
      }
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      synchronized (USED) {
        List<Long> seeds = USED.stream().flatMap(List::stream).toList();
        if (result.getStatus() == Status.FAILED && !seeds.isEmpty()) {
          System.out.printf(
              "%s failed with seed %d (-D%s repeats it); seeds since its start: %s%n",
              test.getDisplayName(), seeds.get(seeds.size() - 1), PROPERTY, seeds);
        }
        USED.removeLast();
      }
    }
  }
}
