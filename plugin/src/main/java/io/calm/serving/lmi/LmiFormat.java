package io.calm.serving.lmi;

import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.TokenScore;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ErrorBody;
import io.calm.serving.reply.ReplyFormat;
import io.calm.serving.reply.ReplySequence;
import io.calm.serving.reply.TokenText;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** Writes answers of DJL's schema: streamed for one input, or whole for any number. */
final class LmiFormat implements ReplyFormat {
  private final Tokenizer tokenizer;
  private final int choices;
  private final LmiDetails shape;

  LmiFormat(Tokenizer tokenizer, int choices, LmiDetails shape) {
    this.tokenizer = tokenizer;
    this.choices = choices;
    this.shape = shape;
  }

  @Override
  public String contentType() {
    return shape.contentType();
  }

  @Override
  public boolean streamed() {
    return shape.streamed();
  }

  @Override
  public ErrorBody errors() {
    return ErrorBody.DJL;
  }

  @Override
  public String token(ReplySequence sequence, GeneratedToken token) {
    JsonObject line = new JsonObject();
    line.addProperty("index", 0);
    line.add("token", token(token.score(), token.text()));
    line.add("generated_text", JsonNull.INSTANCE);
    line.add("details", JsonNull.INSTANCE);
    token
        .end()
        .ifPresent(
            reason -> {
              line.addProperty("generated_text", text(sequence));
              if (shape.details()) {
                line.add("details", details(sequence, reason));
              }
            });
    return shape.framed(line);
  }

  @Override
  public String finished(ReplySequence sequence) {
    return "";
  }

  @Override
  public String end(List<ReplySequence> sequences) {
    return "";
  }

  @Override
  public String failed(ApiException error) {
    return shape.framed(errorLine(error));
  }

  /** Returns the last line of a stream that failed. */
  static JsonObject errorLine(ApiException error) {
    JsonObject details = new JsonObject();
    details.addProperty("finish_reason", "error");
    JsonObject line = new JsonObject();
    line.addProperty("index", 0);
    line.add("token", JsonNull.INSTANCE);
    line.add("generated_text", JsonNull.INSTANCE);
    line.add("details", details);
    line.addProperty("finish_reason", "error");
    line.addProperty("code", error.kind().status());
    line.addProperty("error", error.getMessage());
    return line;
  }

  @Override
  public String whole(List<ReplySequence> sequences) {
    JsonArray answers = new JsonArray();
    for (int from = 0; from < sequences.size(); from += choices) {
      answers.add(answer(sequences.subList(from, from + choices)));
    }
    return (shape.array() || shape.tgiCompat() ? answers : answers.get(0)) + "\n";
  }

  /**
   * Returns the answer to one prompt: its likeliest sequence, and the others in {@code
   * best_of_sequences}.
   */
  private JsonObject answer(List<ReplySequence> sequences) {
    List<ReplySequence> ranked =
        sequences.stream().sorted(Comparator.comparingDouble(s -> -s.logprob())).toList();
    ReplySequence best = ranked.get(0);
    JsonObject answer = new JsonObject();
    answer.addProperty("generated_text", text(best));
    if (shape.details() || shape.best() > 1) {
      JsonObject details = wholeDetails(best);
      if (shape.best() > 1) {
        JsonArray others = new JsonArray();
        for (ReplySequence other : ranked.subList(1, shape.best())) {
          JsonObject one = wholeDetails(other);
          one.addProperty("generated_text", text(other));
          others.add(one);
        }
        details.add("best_of_sequences", others);
      }
      answer.add("details", details);
    }
    return answer;
  }

  private JsonObject wholeDetails(ReplySequence sequence) {
    JsonObject details = details(sequence, sequence.reason().orElse(Finish.Reason.ERROR));
    JsonArray tokens = new JsonArray();
    sequence.tokens().forEach(token -> tokens.add(token(token.score(), token.text())));
    details.add("tokens", tokens);
    if (shape.prefill() || shape.tgiCompat()) { // which TGI's client requires, if only empty
      JsonArray prefill = new JsonArray();
      for (TokenScore score : sequence.promptScores()) {
        prefill.add(token(score, TokenText.of(tokenizer, score.id())));
      }
      details.add("prefill", prefill);
    }
    return details;
  }

  private JsonObject details(ReplySequence sequence, Finish.Reason reason) {
    JsonObject details = new JsonObject();
    details.addProperty("finish_reason", reason.name().toLowerCase(Locale.ROOT));
    details.addProperty("generated_tokens", sequence.tokens().size());
    details.addProperty("inputs", sequence.prompt().text());
    details.addProperty("input_length", sequence.prompt().tokens().length);
    details.addProperty("seed", sequence.seed());
    return details;
  }

  private JsonObject token(TokenScore score, String text) {
    JsonObject token = new JsonObject();
    token.addProperty("id", score.id());
    token.addProperty("text", text);
    String key = shape.tgiCompat() ? "logprob" : "log_prob";
    if (Float.isNaN(score.logprob())) {
      token.add(key, JsonNull.INSTANCE);
    } else {
      token.addProperty(key, Math.max(score.logprob(), -9999f));
    }
    if (shape.tgiCompat()) {
      token.addProperty("special", tokenizer.isSpecial(score.id()));
    }
    return token;
  }

  private String text(ReplySequence sequence) {
    return shape.fullText() ? sequence.prompt().text() + sequence.text() : sequence.text();
  }
}
