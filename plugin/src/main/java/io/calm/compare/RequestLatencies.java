package io.calm.compare;

import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;

/** Latencies of the requests that one plan has answered, as their clients saw them. Thread safe. */
public final class RequestLatencies {
  private static final double NANOS_PER_MILLI = 1e6;
  private static final double NANOS_PER_SECOND = 1e9;

  private final LongAdder requests = new LongAdder();
  private final RecentValues firstToken = new RecentValues();
  private final RecentValues interToken = new RecentValues();
  private final RecentValues tokensPerSecond = new RecentValues();

  /**
   * Records a generated token.
   *
   * @param index index in its answer, from 0
   * @param nanos time since the previous token; for the first, since the request was submitted
   */
  public void token(int index, long nanos) {
    (index == 0 ? firstToken : interToken).add(nanos / NANOS_PER_MILLI);
  }

  /**
   * Records a completed answer.
   *
   * @param generated number of its tokens
   * @param total time since it was submitted
   */
  public void completed(int generated, Duration total) {
    requests.increment();
    if (generated > 0 && !total.isZero()) {
      tokensPerSecond.add(generated * NANOS_PER_SECOND / total.toNanos());
    }
  }

  /** Returns the latencies so far. */
  public LatencyReport.Requests summary() {
    return new LatencyReport.Requests(
        requests.sum(),
        firstToken.quantiles(),
        interToken.quantiles(),
        tokensPerSecond.quantiles());
  }
}
