package io.calm.serving.model;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.compare.Comparison;
import io.calm.compare.LatencyReport;
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
 * @param name name in URLs
 * @param url origin of the model, as the operator wrote it
 * @param parts parts of its checkpoint
 * @param scheduler scheduler, which owns the decoder
 * @param plan result of the search; empty if the model is served in full precision
 * @param report facts for the report; empty if the model has no artifact
 * @param limits limits of requests
 * @param lmi form of replies in DJL's schema
 * @param created time of the load
 * @param comparison comparison with the uniform twin
 * @param artifact the artifact whose weights are served; empty if there is none
 * @param answers answers that are still written; new for a new model
 * @param replacement the model that has replaced this one; new for a new model
 */
public record ServedModel(
    String name,
    String url,
    CheckpointParts parts,
    Scheduler scheduler,
    Optional<QuantPlan> plan,
    Optional<ReportSource> report,
    Limits limits,
    LmiOptions lmi,
    Instant created,
    Comparison comparison,
    Optional<StoredArtifact> artifact,
    PendingAnswers answers,
    Replacement replacement)
    implements AutoCloseable {

  /** Creates a model without an artifact, a report and a uniform twin. */
  public ServedModel(
      String name,
      String url,
      CheckpointParts parts,
      Scheduler scheduler,
      Optional<QuantPlan> plan,
      Limits limits,
      LmiOptions lmi,
      Instant created) {
    this(
        name,
        url,
        parts,
        scheduler,
        plan,
        Optional.empty(),
        limits,
        lmi,
        created,
        Comparison.none(),
        Optional.empty(),
        new PendingAnswers(),
        new Replacement());
  }

  /**
   * The artifact whose weights are served.
   *
   * @param bytes size of all its files
   * @param created time of its publication
   */
  public record StoredArtifact(long bytes, Instant created) {}

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

  /**
   * Returns the label of metrics: {@code calm}, {@code uniform-NAME}, or {@code reference} if
   * nothing is quantized.
   */
  public String variant() {
    return plan.map(QuantPlan::served).orElse("reference");
  }

  /** Returns the latency of this model against its uniform twin. */
  public LatencyReport latency() {
    return comparison.report(name, variant());
  }

  /** Returns the same model with another tokenizer. */
  public ServedModel withTokenizer(Tokenizer other) {
    return new ServedModel(
        name,
        url,
        parts.withTokenizer(other),
        scheduler,
        plan,
        report,
        limits,
        lmi,
        created,
        comparison,
        artifact,
        answers,
        replacement);
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

  /**
   * Returns whether the requests have ended and the tokenizer is closed, or about to be. Only
   * streams of a replaced model keep it open for longer.
   */
  public boolean isUnloaded() {
    return current().scheduler().ended();
  }

  /**
   * Unloads the model on another thread: refuses new requests, lets those in flight finish within
   * {@link Limits#drainTimeout}, cancels the rest, and frees the memory.
   *
   * @param freed called once, at the end
   */
  public void unload(Runnable freed) {
    Unloading.start(this, Optional.empty(), freed);
  }

  /** Cancels the requests and then closes the decoder, without waiting. */
  @Override
  public void close() {
    scheduler.close();
    comparison.close();
  }
}
