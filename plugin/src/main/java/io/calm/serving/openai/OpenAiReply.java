package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.Finish;
import io.calm.serving.api.ApiException;
import io.calm.serving.api.ErrorBody;
import io.calm.serving.api.Sequence;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What both kinds of OpenAI's answers have in common.
 *
 * @param created seconds since 1970
 * @param logprobs how many alternatives are shown with each token; empty for no log-probabilities
 * @param usageInStream {@code stream_options.include_usage}
 * @param showSpecial whether special tokens are part of the text
 */
record OpenAiReply(
    String id,
    long created,
    String model,
    Tokenizer tokenizer,
    Choices choices,
    OptionalInt logprobs,
    boolean streamed,
    boolean usageInStream,
    boolean showSpecial,
    Framing framing) {

  String contentType() {
    if (!streamed) {
      return "application/json";
    }
    return framing == Framing.DJL_LINES ? "application/jsonlines" : "text/event-stream";
  }

  ErrorBody errors() {
    return framing == Framing.OPENAI ? ErrorBody.OPENAI : ErrorBody.DJL;
  }

  /** Returns an answer's frame: id, object, created, model. */
  JsonObject envelope(String object) {
    JsonObject envelope = new JsonObject();
    envelope.addProperty("id", id);
    envelope.addProperty("object", object);
    envelope.addProperty("created", created);
    envelope.addProperty("model", model);
    return envelope;
  }

  /** Returns one chunk as it goes out. */
  String chunk(String object, JsonArray choices) {
    JsonObject chunk = envelope(object);
    chunk.add("choices", choices);
    if (usageInStream) {
      chunk.add("usage", JsonNull.INSTANCE);
    }
    return frame(chunk);
  }

  /** Returns the end of a stream: usage where it was asked for, then the mark. */
  String end(String object, List<Sequence> sequences) {
    StringBuilder end = new StringBuilder();
    if (usageInStream) {
      JsonObject chunk = envelope(object);
      chunk.add("choices", new JsonArray());
      chunk.add("usage", usage(sequences));
      end.append(frame(chunk));
    }
    return end.append(done()).toString();
  }

  String failed(ApiException error) {
    JsonObject body = errors().of(error);
    if (framing != Framing.OPENAI) {
      body.addProperty("finish_reason", "error");
    }
    return frame(body) + done();
  }

  private String frame(JsonObject object) {
    return framing == Framing.DJL_LINES ? object + "\n" : "data: " + object + "\n\n";
  }

  private String done() {
    return framing == Framing.DJL_LINES ? "" : "data: [DONE]\n\n";
  }

  /** Returns the usage; a prompt with several choices counts once. */
  JsonObject usage(List<Sequence> sequences) {
    int prompt = 0;
    int completion = 0;
    for (Sequence sequence : sequences) {
      if (sequence.index() % choices.made() == 0) {
        prompt += sequence.prompt().tokens().length;
      }
      completion += sequence.tokens().size();
    }
    JsonObject usage = new JsonObject();
    usage.addProperty("prompt_tokens", prompt);
    usage.addProperty("completion_tokens", completion);
    usage.addProperty("total_tokens", prompt + completion);
    return usage;
  }

  static JsonElement finishReason(Optional<Finish.Reason> reason) {
    return reason
        .<JsonElement>map(r -> new JsonPrimitive(r == Finish.Reason.LENGTH ? "length" : "stop"))
        .orElse(JsonNull.INSTANCE);
  }

  /** Returns a log-probability that JSON can hold. */
  static JsonElement number(float logprob) {
    return Float.isNaN(logprob) ? JsonNull.INSTANCE : new JsonPrimitive(Math.max(logprob, -9999f));
  }
}
