package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.Finish;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ErrorBody;
import io.calm.serving.reply.ReplySequence;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;

/**
 * The properties common to OpenAI's two kinds of answers.
 *
 * @param created seconds since 1970
 * @param logprobs number of alternatives shown with each token; empty for no log-probabilities
 * @param streamedUsage chunks of a stream that carry the usage
 * @param showSpecial whether special tokens are part of the text
 */
record OpenAiReply(
    String id,
    long created,
    String model,
    Tokenizer tokenizer,
    ChoiceCounts choices,
    OptionalInt logprobs,
    boolean streamed,
    StreamedUsage streamedUsage,
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

  /** Returns the envelope of an answer: id, object, created, model. */
  JsonObject envelope(String object) {
    JsonObject envelope = new JsonObject();
    envelope.addProperty("id", id);
    envelope.addProperty("object", object);
    envelope.addProperty("created", created);
    envelope.addProperty("model", model);
    return envelope;
  }

  /**
   * Returns one framed chunk.
   *
   * @param choice writes the only element of the array of choices
   * @param generated tokens of {@code sequence} up to this chunk
   */
  String chunk(String object, Consumer<AnswerJson> choice, ReplySequence sequence, int generated) {
    AnswerJson text = new AnswerJson();
    text.object(
        () -> {
          text.members(envelope(object)).name("choices").array(() -> choice.accept(text));
          if (streamedUsage == StreamedUsage.EVERY_CHUNK) {
            int prompt = sequence.prompt().tokens().length;
            text.name("usage").value(usage(prompt, sequence.cachedTokens(), generated));
          } else if (streamedUsage == StreamedUsage.AT_END) {
            text.name("usage").value(JsonNull.INSTANCE);
          }
        });
    return frame(text.toString());
  }

  /**
   * Returns a whole answer.
   *
   * @param choices writes the elements of the array of choices
   */
  String whole(String object, List<ReplySequence> sequences, Consumer<AnswerJson> choices) {
    AnswerJson text = new AnswerJson();
    text.object(
        () ->
            text.members(envelope(object))
                .name("choices")
                .array(() -> choices.accept(text))
                .name("usage")
                .value(usage(sequences)));
    return text + "\n";
  }

  /** Returns the end of a stream: the usage if requested, then the end marker. */
  String end(String object, List<ReplySequence> sequences) {
    StringBuilder end = new StringBuilder();
    if (streamedUsage != StreamedUsage.NONE) {
      JsonObject chunk = envelope(object);
      chunk.add("choices", new JsonArray());
      chunk.add("usage", usage(sequences));
      end.append(frame(chunk.toString()));
    }
    return end.append(done()).toString();
  }

  String failed(ApiException error) {
    JsonObject body = errors().of(error);
    if (framing != Framing.OPENAI) {
      body.addProperty("finish_reason", "error");
    }
    return frame(body.toString()) + done();
  }

  private String frame(String object) {
    return framing == Framing.DJL_LINES ? object + "\n" : "data: " + object + "\n\n";
  }

  private String done() {
    return framing == Framing.DJL_LINES ? "" : "data: [DONE]\n\n";
  }

  /**
   * Returns the usage. A prompt with several choices counts once, with the cached tokens of its
   * first choice.
   */
  JsonObject usage(List<ReplySequence> sequences) {
    int prompt = 0;
    int cached = 0;
    int completion = 0;
    for (ReplySequence sequence : sequences) {
      if (sequence.index() % choices.made() == 0) {
        prompt += sequence.prompt().tokens().length;
        cached += sequence.cachedTokens();
      }
      completion += sequence.tokens().size();
    }
    return usage(prompt, cached, completion);
  }

  private static JsonObject usage(int prompt, int cached, int completion) {
    JsonObject details = new JsonObject();
    details.addProperty("cached_tokens", cached);
    JsonObject usage = new JsonObject();
    usage.addProperty("prompt_tokens", prompt);
    usage.addProperty("completion_tokens", completion);
    usage.addProperty("total_tokens", prompt + completion);
    usage.add("prompt_tokens_details", details);
    return usage;
  }

  static JsonElement finishReason(Optional<Finish.Reason> reason) {
    return reason
        .<JsonElement>map(r -> new JsonPrimitive(r == Finish.Reason.LENGTH ? "length" : "stop"))
        .orElse(JsonNull.INSTANCE);
  }

  /** Returns a log-probability in a form that JSON can represent. */
  static JsonElement number(float logprob) {
    return Float.isNaN(logprob) ? JsonNull.INSTANCE : new JsonPrimitive(Math.max(logprob, -9999f));
  }
}
