package io.calm.serving.openai;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonPrimitive;
import io.calm.generate.Finish;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ErrorBody;
import io.calm.serving.reply.ReplyFormat;
import io.calm.serving.reply.ReplySequence;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The base of OpenAI's two answers. It writes the envelope, the usage and the framing; a subclass
 * writes the choices.
 */
abstract class OpenAiFormat implements ReplyFormat {
  private final OpenAiReply reply;
  private final String object;
  private final String chunkObject;

  /**
   * Creates a format.
   *
   * @param object the key {@code object} of a whole answer
   * @param chunkObject the key {@code object} of a chunk
   */
  OpenAiFormat(OpenAiReply reply, String object, String chunkObject) {
    this.reply = reply;
    this.object = object;
    this.chunkObject = chunkObject;
  }

  final OpenAiReply reply() {
    return reply;
  }

  @Override
  public final String contentType() {
    return reply.contentType();
  }

  @Override
  public final boolean streamed() {
    return reply.streamed();
  }

  @Override
  public final ErrorBody errors() {
    return reply.errors();
  }

  @Override
  public final String failed(ApiException error) {
    return reply.failed(error);
  }

  @Override
  public final String end(List<ReplySequence> sequences) {
    return reply.end(chunkObject, sequences);
  }

  @Override
  public final String whole(List<ReplySequence> sequences) {
    return reply.whole(object, sequences, text -> choices(text, sequences));
  }

  /** Writes the choices of a whole answer. */
  abstract void choices(AnswerJson text, List<ReplySequence> sequences);

  /**
   * Writes one choice of a whole answer or of a chunk, one log-probability at a time.
   *
   * @param contentKey {@code text}, {@code message} or {@code delta}
   */
  static void choice(
      AnswerJson text,
      int index,
      String contentKey,
      JsonElement content,
      AnswerJson.Content logprobs,
      Optional<Finish.Reason> reason) {
    text.object(
        () -> {
          text.name("index").value(new JsonPrimitive(index));
          text.name(contentKey).value(content);
          text.name("logprobs");
          logprobs.write();
          text.name("finish_reason").value(OpenAiReply.finishReason(reason));
        });
  }

  /**
   * Returns one chunk.
   *
   * @param generated tokens of {@code sequence} up to this chunk
   * @param contentKey {@code text} or {@code delta}
   * @param logprobs writes the value of {@code logprobs}
   */
  final String chunk(
      ReplySequence sequence,
      int generated,
      String contentKey,
      JsonElement content,
      Consumer<AnswerJson> logprobs,
      Optional<Finish.Reason> reason) {
    return reply.chunk(
        chunkObject,
        text ->
            choice(
                text, sequence.index(), contentKey, content, () -> logprobs.accept(text), reason),
        sequence,
        generated);
  }

  /** Writes the value of {@code logprobs} where there are none. */
  static void noLogprobs(AnswerJson text) {
    text.value(JsonNull.INSTANCE);
  }
}
