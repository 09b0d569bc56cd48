package io.calm.serving.model;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.Scheduler;
import io.calm.model.ModelSpec;
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
 * @param scheduler scheduler, which owns the decoder
 * @param plan result of the search; empty if the model is served in full precision
 * @param limits limits of requests
 * @param lmi form of replies in DJL's schema
 * @param created time of the load
 * @param artifact the artifact whose weights are served; empty if there is none
 */
public record ServedModel(
    String name,
    String url,
    ModelSpec spec,
    Tokenizer tokenizer,
    Optional<ChatTemplate> chatTemplate,
    GenerationDefaults defaults,
    Scheduler scheduler,
    Optional<QuantPlan> plan,
    Limits limits,
    LmiOptions lmi,
    Instant created,
    Optional<StoredArtifact> artifact)
    implements AutoCloseable {

  /** Creates a model that was not loaded from an artifact. */
  public ServedModel(
      String name,
      String url,
      ModelSpec spec,
      Tokenizer tokenizer,
      Optional<ChatTemplate> chatTemplate,
      GenerationDefaults defaults,
      Scheduler scheduler,
      Optional<QuantPlan> plan,
      Limits limits,
      LmiOptions lmi,
      Instant created) {
    this(
        name,
        url,
        spec,
        tokenizer,
        chatTemplate,
        defaults,
        scheduler,
        plan,
        limits,
        lmi,
        created,
        Optional.empty());
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

  /**
   * Returns the label of metrics: {@code calm}, {@code uniform-NAME}, or {@code reference} if
   * nothing is quantized.
   */
  public String variant() {
    return plan.map(QuantPlan::served).orElse("reference");
  }

  /**
   * Unloads the model on another thread: refuses new requests, lets those in flight finish within
   * {@link Limits#drainTimeout}, cancels the rest, and frees the memory.
   *
   * @param freed called once, at the end
   */
  public void unload(Runnable freed) {
    Unloading.start(this, freed);
  }

  /** Cancels the requests and then closes the decoder, without waiting. */
  @Override
  public void close() {
    scheduler.close();
  }
}
