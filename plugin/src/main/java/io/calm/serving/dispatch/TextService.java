package io.calm.serving.dispatch;

import com.google.gson.JsonObject;
import io.calm.checkpoint.TokenizerClosedException;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.lmi.LmiParser;
import io.calm.serving.model.ServedModel;
import io.calm.serving.openai.Framing;
import io.calm.serving.openai.OpenAiParser;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.RequestFields;
import io.calm.serving.reply.Schema;
import io.calm.serving.reply.TextRequest;
import java.time.InstantSource;

/**
 * Text generation over any transport. {@link #prepare} parses, validates and tokenizes in time
 * proportional to the prompt, so it must not run on an event loop. Thread safe.
 */
public final class TextService {
  private final CalmMetrics metrics;
  private final InstantSource clock;
  private final ByteBudget bodies;
  private final ByteBudget scores;

  /** Creates a service whose budgets are shares of the heap. */
  public TextService(CalmMetrics metrics, InstantSource clock) {
    this(metrics, clock, new ByteBudget(ByteBudget.share()), new ByteBudget(ByteBudget.share()));
  }

  /**
   * Creates a service.
   *
   * @param bodies memory of request bodies and of their parsed forms
   * @param scores memory of log-probabilities in answers in flight
   */
  public TextService(
      CalmMetrics metrics, InstantSource clock, ByteBudget bodies, ByteBudget scores) {
    this.metrics = metrics;
    this.clock = clock;
    this.bodies = bodies;
    this.scores = scores;
  }

  /** Returns the metrics that requests are counted in. */
  public CalmMetrics metrics() {
    return metrics;
  }

  /** Returns the budget of request bodies and of their parsed forms. */
  public ByteBudget bodies() {
    return bodies;
  }

  /** Prepares the reply of a request that arrives now. */
  public PreparedReply prepare(ServedModel model, Schema schema, JsonObject body, String accept) {
    return prepare(model, schema, body, accept, System.nanoTime());
  }

  /**
   * Prepares a reply.
   *
   * @param body from {@link io.calm.serving.reply.JsonBody#parse}
   * @param accept the client's Accept header; empty if absent
   * @param arrived {@link System#nanoTime} at which the request arrived; its timeout counts from
   *     there
   * @throws io.calm.serving.reply.ApiException if the request cannot be answered; {@link
   *     Schema#errors} has the shape of the error for the client
   */
  public PreparedReply prepare(
      ServedModel model, Schema schema, JsonObject body, String accept, long arrived) {
    return new PreparedReply(
        model,
        parsed(model, schema, body, accept),
        variant -> metrics.model(model.name(), variant),
        scores,
        arrived);
  }

  /** Parses a request. Its model may be unloaded, and the tokenizer closed, at the same time. */
  private TextRequest parsed(ServedModel model, Schema schema, JsonObject body, String accept) {
    try {
      return parse(model, schema, body, accept);
    } catch (TokenizerClosedException e) {
      throw ApiException.unloading(model.name());
    }
  }

  private TextRequest parse(ServedModel model, Schema schema, JsonObject body, String accept) {
    return switch (schema) {
      case COMPLETIONS -> OpenAiParser.completion(model, body, clock, Framing.OPENAI);
      case CHAT -> chat(model, body, Framing.OPENAI);
      case DJL -> {
        RequestFields fields = new RequestFields(body);
        if (fields.has("messages")) {
          yield chat(model, body, framing(fields, accept));
        }
        if (fields.has("prompt")) {
          yield OpenAiParser.completion(model, body, clock, framing(fields, accept));
        }
        yield LmiParser.parse(model, body, accept);
      }
    };
  }

  private TextRequest chat(ServedModel model, JsonObject body, Framing framing) {
    try (ByteBudget.Charge charge = bodies.charge()) {
      return OpenAiParser.chat(model, body, clock, framing, charge);
    }
  }

  /**
   * Returns the framing of OpenAI's body on DJL's routes: JSON lines, or events if the body has
   * {@code model} or the client accepts events.
   */
  private static Framing framing(RequestFields fields, String accept) {
    if (accept.contains("application/jsonlines")) {
      return Framing.DJL_LINES;
    }
    return fields.has("model") || accept.contains("text/event-stream")
        ? Framing.DJL_EVENTS
        : Framing.DJL_LINES;
  }
}
