package io.calm.serving.lmi;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.generate.GeneratedToken;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ErrorBody;
import io.calm.serving.reply.ReplyFormat;
import io.calm.serving.reply.Sequence;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/**
 * Streams the answers to an array of inputs as LMI does: one {@code {"outputs": [...]}} a step,
 * with each answer's next piece of text, empty where an answer has ended. The scheduler need not
 * step them together: a line waits until all that run have reached its step.
 */
final class LmiBatchFormat implements ReplyFormat {
  private final LmiDetails shape;
  private final List<Answer> answers = new ArrayList<>();

  /** The pieces of one answer that wait for the others. */
  private static final class Answer {
    private final Queue<String> pieces = new ArrayDeque<>();
    private boolean ended;
  }

  /**
   * Starts before the first step.
   *
   * @param inputs how many there are, with one answer each
   */
  LmiBatchFormat(LmiDetails shape, int inputs) {
    this.shape = shape;
    for (int i = 0; i < inputs; i++) {
      answers.add(new Answer());
    }
  }

  @Override
  public String contentType() {
    return shape.contentType();
  }

  @Override
  public boolean streamed() {
    return true;
  }

  @Override
  public String token(Sequence sequence, GeneratedToken token) {
    Answer answer = answers.get(sequence.index());
    answer.pieces.add(token.text());
    answer.ended = token.end().isPresent();
    return steps();
  }

  @Override
  public String finished(Sequence sequence) {
    answers.get(sequence.index()).ended = true;
    return steps();
  }

  private String steps() {
    StringBuilder lines = new StringBuilder();
    while (answers.stream().allMatch(answer -> answer.ended || !answer.pieces.isEmpty())
        && answers.stream().anyMatch(answer -> !answer.pieces.isEmpty())) {
      JsonArray outputs = new JsonArray();
      for (Answer answer : answers) {
        outputs.add(answer.pieces.isEmpty() ? "" : answer.pieces.remove());
      }
      JsonObject line = new JsonObject();
      line.add("outputs", outputs);
      lines.append(shape.framed(line));
    }
    return lines.toString();
  }

  @Override
  public String end(List<Sequence> sequences) {
    return "";
  }

  @Override
  public String failed(ApiException error) {
    return shape.framed(LmiFormat.errorLine(error));
  }

  @Override
  public String whole(List<Sequence> sequences) {
    throw new IllegalStateException("a stream has no whole body");
  }

  @Override
  public ErrorBody errors() {
    return ErrorBody.DJL;
  }
}
