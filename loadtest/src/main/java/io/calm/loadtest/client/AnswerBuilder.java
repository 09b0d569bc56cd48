package io.calm.loadtest.client;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** An answer as its lines come in. Confined to one thread at a time. */
final class AnswerBuilder {
  private final boolean done;
  private final boolean oneEventAToken;
  private final long startMillis = System.currentTimeMillis();
  private final long startNanos = System.nanoTime();
  private final StringBuilder text = new StringBuilder();
  private final List<Long> arrivals = new ArrayList<>();
  private long now;
  private int status;
  private boolean sawDone;
  private OptionalLong first = OptionalLong.empty();
  private OptionalInt tokens = OptionalInt.empty();
  private Optional<String> finishReason = Optional.empty();
  private Optional<String> whole = Optional.empty();
  private Optional<String> failure = Optional.empty();

  AnswerBuilder(Dialect dialect) {
    this.done = dialect.endsWithDone();
    this.oneEventAToken = dialect.oneEventAToken();
  }

  void status(int code) {
    status = code;
  }

  int status() {
    return status;
  }

  /** All that follows came at this time. */
  void at(long nanos) {
    now = nanos;
  }

  void text(String piece) {
    text.append(piece);
    arrivals.add(now);
    begun();
  }

  void finished(String reason) {
    finishReason = Optional.of(reason);
    begun();
  }

  private void begun() {
    if (first.isEmpty()) {
      first = OptionalLong.of(now);
    }
  }

  void usage(int generated) {
    tokens = OptionalInt.of(generated);
  }

  /** The whole answer, as the server repeats it. */
  void whole(String answer) {
    whole = Optional.of(answer);
  }

  void failed(String why) {
    failure = failure.or(() -> Optional.of(why));
  }

  void done() {
    sawDone = true;
  }

  int events() {
    return arrivals.size();
  }

  /** Returns the answer of an exchange that the server ended. */
  Answer complete(Ask ask) {
    return defect(ask).map(why -> end(new Answer.End.Broken(why))).orElseGet(this::whole);
  }

  private Answer whole() {
    return end(new Answer.End.Complete());
  }

  Answer end(Answer.End end) {
    return new Answer(
        startMillis,
        startNanos,
        System.nanoTime(),
        status,
        text.toString(),
        List.copyOf(arrivals),
        first,
        tokens,
        finishReason,
        end);
  }

  /** Returns what the answer lacks. */
  private Optional<String> defect(Ask ask) {
    if (status != 200) {
      return Optional.of("status " + status + failure.map(why -> ": " + why).orElse(""));
    }
    if (failure.isPresent()) {
      return failure;
    }
    if (finishReason.isEmpty() || tokens.isEmpty()) {
      return Optional.of("the answer ended without finish_reason and the number of tokens");
    }
    if (done && !sawDone) {
      return Optional.of("the stream ended without [DONE]");
    }
    return wrongCount(ask).or(this::wrongWhole);
  }

  private Optional<String> wrongCount(Ask ask) {
    int count = tokens.getAsInt();
    boolean full = finishReason.orElseThrow().equals("length");
    if (count > ask.maxTokens() || ((full || ask.ignoreEos()) && count != ask.maxTokens())) {
      return Optional.of(
          "expected %d tokens, got %d with finish_reason %s"
              .formatted(ask.maxTokens(), count, finishReason.orElseThrow()));
    }
    if (oneEventAToken ? events() != count : events() > count) {
      return Optional.of("%d tokens came in %d events".formatted(count, events()));
    }
    return Optional.empty();
  }

  private Optional<String> wrongWhole() {
    return whole
        .filter(answer -> !answer.contentEquals(text))
        .map(answer -> "generated_text is not the text of the tokens: '%s'".formatted(answer));
  }
}
