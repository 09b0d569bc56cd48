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
 * A model that answers requests: everything that a request needs, wired.
 *
 * @param name as in URLs
 * @param url where it came from, as the operator wrote it
 * @param scheduler owns the decoder
 * @param plan what the search decided; empty where the model is served in full precision
 * @param limits of requests
 * @param lmi shapes of DJL's schema
 * @param created when it was loaded
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
    Instant created)
    implements AutoCloseable {

  /**
   * Limits of a request beyond the scheduler's.
   *
   * @param defaultMaxTokens most tokens of a chat's answer where the client names no length; empty:
   *     what the context leaves
   * @param requestTimeout longest time of a request, its wait included; empty: no limit
   * @param slowReaderTimeout how long a stream is held for a client that does not read
   * @param drainTimeout how long requests go on when the model is unloaded
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
   * Returns the label of metrics: {@code calm}, {@code uniform-NAME}, or {@code reference} where
   * nothing is quantized.
   */
  public String variant() {
    return plan.map(QuantPlan::served).orElse("reference");
  }

  /**
   * Takes no more requests, lets those it has end within {@link Limits#drainTimeout}, cancels what
   * is left, and frees the memory: on a thread of its own.
   *
   * @param freed run once, at the end
   */
  public void unload(Runnable freed) {
    Unloading.start(this, freed);
  }

  /** Ends the requests and then the decoder, without waiting. */
  @Override
  public void close() {
    scheduler.close();
  }
}
