package io.calm.testing;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.engine.UniqueId;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;

/** Prints {@code SKIPPED name: reason} for every test that did not run, when all have ended. */
public final class SkippedTestReporter implements LauncherSessionListener {
  private final Queue<String> lines = new ConcurrentLinkedQueue<>();

  @Override
  public void launcherSessionOpened(LauncherSession session) {
    session.getLauncher().registerTestExecutionListeners(new Collector());
  }

  @Override
  public void launcherSessionClosed(LauncherSession session) {
    lines.forEach(System.out::println);
  }

  private final class Collector implements TestExecutionListener {
    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      add(test, reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      if (result.getStatus() == Status.ABORTED) {
        add(test, result.getThrowable().map(Throwable::getMessage).orElse("no reason given"));
      }
    }

    private void add(TestIdentifier test, String reason) {
      lines.add("SKIPPED " + name(test) + ": " + reason.lines().findFirst().orElse(""));
    }
  }

  /** Returns {@code class.method}, as far as the test has them. */
  private static String name(TestIdentifier test) {
    StringBuilder name = new StringBuilder();
    for (UniqueId.Segment segment : test.getUniqueIdObject().getSegments()) {
      if (!segment.getType().equals("engine")) {
        name.append(name.isEmpty() ? "" : ".").append(segment.getValue());
      }
    }
    return name.toString();
  }
}
