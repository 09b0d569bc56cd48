package io.calm.serving.model;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.compare.LatencyReport;
import io.calm.compare.TwinComparison;
import io.calm.generate.Scheduler;
import io.calm.model.ModelSpec;
import io.calm.report.ReportSource;
import io.calm.search.QuantPlan;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A loaded model with everything that a request needs.
 *
 * @param source name, origin, settings, artifact and plan; its report starts from them
 * @param parts parts of its checkpoint
 * @param scheduler scheduler, which owns the decoder
 * @param limits limits of requests
 * @param lmi form of replies in DJL's schema
 * @param created time of the load
 * @param comparison comparison with the uniform twin
 * @param answers answers that are still written; new for a new model
 * @param replacement the model that has replaced this one; new for a new model
 */
public record ServedModel(
    ReportSource source,
    CheckpointParts parts,
    Scheduler scheduler,
    Limits limits,
    LmiOptions lmi,
    Instant created,
    TwinComparison comparison,
    PendingAnswers answers,
    Replacement replacement)
    implements AutoCloseable {

  /** Creates a new model. */
  public ServedModel(
      ReportSource source,
      CheckpointParts parts,
      Scheduler scheduler,
      Limits limits,
      LmiOptions lmi,
      Instant created,
      TwinComparison comparison) {
    this(
        source,
        parts,
        scheduler,
        limits,
        lmi,
        created,
        comparison,
        new PendingAnswers(),
        new Replacement());
  }

  /**
   * Limits of a request in addition to those of the scheduler.
   *
   * @param defaultMaxTokens maximum number of tokens of a chat answer if the client sets none;
   *     empty: the rest of the context
   * @param requestTimeout maximum time of a request, including its time in the queue; empty: no
   *     limit
   * @param slowReaderTimeout maximum time that a stream waits for a client that does not read
   * @param drainTimeout time that requests in flight have when the model is unloaded
   */
  public record Limits(
      OptionalInt defaultMaxTokens,
      Optional<Duration> requestTimeout,
      Duration slowReaderTimeout,
      Duration drainTimeout) {
    public static final Limits DEFAULT =
        new Limits(
            OptionalInt.empty(), Optional.empty(), Duration.ofSeconds(30), Duration.ofSeconds(25));
  }

  /** Returns the name in URLs. */
  public String name() {
    return source.model();
  }

  /** Returns the origin of the model, as the operator wrote it. */
  public String url() {
    return source.url();
  }

  public QuantPlan plan() {
    return source.plan();
  }

  public ModelSpec spec() {
    return parts.spec();
  }

  public Tokenizer tokenizer() {
    return parts.tokenizer();
  }

  public Optional<ChatTemplate> chatTemplate() {
    return parts.chatTemplate();
  }

  public GenerationDefaults defaults() {
    return parts.defaults();
  }

  /** Returns the label of metrics: {@code calm} or {@code uniform-NAME}. */
  public String variant() {
    return plan().served();
  }

  /** Returns the latency of this model against its uniform twin. */
  public LatencyReport latency() {
    return comparison.report(name(), variant());
  }

  /** Returns the same model with other parts. */
  public ServedModel withParts(CheckpointParts other) {
    return new ServedModel(
        source, other, scheduler, limits, lmi, created, comparison, answers, replacement);
  }

  /**
   * Returns the model that answers requests to this one: itself, or the one that has replaced it,
   * which has the same tokenizer.
   */
  public ServedModel current() {
    return replacement.model().map(ServedModel::current).orElse(this);
  }

  /** Returns whether another model answers the requests to this one. */
  public boolean isReplaced() {
    return replacement.model().isPresent();
  }

  /** Cancels the requests and then closes the decoder, without waiting. */
  @Override
  public void close() {
    scheduler.close();
    comparison.close();
  }
}
