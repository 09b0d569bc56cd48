package io.calm.metrics;

import io.prometheus.client.Counter;
import io.prometheus.client.Histogram;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The counters and histograms of one model. Thread safe. */
public final class ModelMetrics {
  private static final double NANOS_PER_SECOND = 1e9;
  private static final String REJECTED = "rejected";

  /** The outcomes whose series start at 0: a rate needs a value before the first failure. */
  static final List<String> OUTCOMES =
      List.of("length", "eos_token", "stop_sequence", "deadline", "error", "cancelled", REJECTED);

  private final String model;
  private final String variant;
  private final Optional<AnswerListener> listener;
  private final Counter requests;
  private final Counter.Child promptTokens;
  private final Counter.Child generatedTokens;
  private final Histogram.Child queue;
  private final Histogram.Child firstToken;
  private final Histogram.Child interToken;
  private final Histogram.Child duration;
  private final Histogram.Child tokensPerSecond;

  ModelMetrics(Meters all, String model, String variant, Optional<AnswerListener> listener) {
    this.model = model;
    this.variant = variant;
    this.listener = listener;
    this.requests = all.requests();
    OUTCOMES.forEach(outcome -> requests.labels(model, variant, outcome));
    this.promptTokens = all.promptTokens().labels(model, variant);
    this.generatedTokens = all.generatedTokens().labels(model, variant);
    this.queue = all.queue().labels(model, variant);
    this.firstToken = all.firstToken().labels(model, variant);
    this.interToken = all.interToken().labels(model, variant);
    this.duration = all.duration().labels(model, variant);
    this.tokensPerSecond = all.tokensPerSecond().labels(model, variant);
  }

  /**
   * Records a generated token.
   *
   * @param index index in its answer, from 0
   * @param nanos time since the previous token; for the first, since the request was submitted
   */
  public void token(int index, long nanos) {
    (index == 0 ? firstToken : interToken).observe(nanos / NANOS_PER_SECOND);
    listener.ifPresent(AnswerListener::token);
  }

  /** Records the end of a generation. {@code outcome} becomes a label in lower case. */
  public void finished(String outcome, int prompt, int generated, Duration queued, Duration total) {
    String label = outcome.toLowerCase(Locale.ROOT);
    requests.labels(model, variant, label).inc();
    promptTokens.inc(prompt);
    generatedTokens.inc(generated);
    queue.observe(queued.toNanos() / NANOS_PER_SECOND);
    duration.observe(total.toNanos() / NANOS_PER_SECOND);
    listener.ifPresent(to -> to.finished(label, generated, total.minus(queued)));
  }

  /** Records the speed of a completed answer. */
  public void completed(int generated, Duration total) {
    if (generated > 0 && !total.isZero()) {
      tokensPerSecond.observe(generated * NANOS_PER_SECOND / total.toNanos());
    }
  }

  /** Records a generation that was rejected. */
  public void rejected() {
    requests.labels(model, variant, REJECTED).inc();
  }
}
