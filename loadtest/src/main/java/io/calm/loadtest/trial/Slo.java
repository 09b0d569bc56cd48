package io.calm.loadtest.trial;

import io.calm.loadtest.figures.RunResult;
import java.util.Locale;

/**
 * The service level objective: limits of the 99th percentiles in milliseconds, and no error.
 *
 * @param firstToken limit of the time to first token
 * @param interToken limit of the time between two tokens
 */
record Slo(double firstToken, double interToken) {

  /** Returns whether a run meets the objective. A run without an answer does not. */
  boolean holds(RunResult run) {
    return run.counts().errors() == 0
        && run.counts().whole() > 0
        && run.firstToken().p99() <= firstToken
        && !(run.interToken().p99() > interToken); // NaN: answers of one token
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "p99 of the first token at most %.0f ms, p99 between tokens at most %.0f ms, no errors",
        firstToken,
        interToken);
  }
}
