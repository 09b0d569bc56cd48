package io.calm.serving;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.Scheduler;
import io.calm.model.ModelSpec;
import io.calm.search.QuantPlan;
import java.time.Instant;
import java.util.Optional;

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
   * @param defaultMaxTokens longest chat answer where the client names none
   */
  public record Limits(int defaultMaxTokens) {
    public static final Limits DEFAULT = new Limits(512);
  }

  /**
   * Returns the label of metrics: {@code calm}, {@code uniform-NAME}, or {@code reference} where
   * nothing is quantized.
   */
  public String variant() {
    return plan.map(QuantPlan::served).orElse("reference");
  }

  /** Ends the requests and then the decoder, without waiting; the tokenizer is the caller's. */
  @Override
  public void close() {
    scheduler.close();
  }
}
