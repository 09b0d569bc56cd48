package io.calm.serving.lmi;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.generate.GeneratedToken;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ErrorBody;
import io.calm.serving.reply.ReplyFormat;
import io.calm.serving.reply.ReplySequence;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/**
 * Streams the answers to an array of inputs as LMI does: one {@code {"outputs": [...]}} per step,
 * with the next piece of every answer's text, empty for answers that have ended. The scheduler may
 * step the sequences separately, so a line is held until every running answer has reached its step.
 */
final class LmiBatchFormat implements ReplyFormat {
  private final LmiDetails shape;
  private final List<Answer> answers = new ArrayList<>();

  /** The pieces of one answer that are held until the other answers catch up. */
  private static final class Answer {
    private final Queue<String> pieces = new ArrayDeque<>();
    private boolean ended;
  }

  /**
   * Creates a format that has seen no step.
   *
   * @param inputs number of inputs, with one answer each
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
  public String token(ReplySequence sequence, GeneratedToken token) {
    Answer answer = answers.get(sequence.index());
    answer.pieces.add(token.text());
    answer.ended = token.end().isPresent();
    return steps();
  }

  @Override
  public String finished(ReplySequence sequence) {
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
  public String end(List<ReplySequence> sequences) {
    return "";
  }

  @Override
  public String failed(ApiException error) {
    return shape.framed(LmiFormat.errorLine(error));
  }

  @Override
  public String whole(List<ReplySequence> sequences) {
    throw new IllegalStateException("a stream has no whole body");
  }

  @Override
  public ErrorBody errors() {
    return ErrorBody.DJL;
  }
}
