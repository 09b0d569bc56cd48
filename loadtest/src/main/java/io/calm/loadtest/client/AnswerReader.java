package io.calm.loadtest.client;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.ConnectException;
import java.nio.channels.UnresolvedAddressException;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;

/**
 * Reads the lines of one answer, framed as server-sent events or as JSON lines, and disconnects
 * mid-stream if requested. Thread safe: a timeout may occur at any time.
 */
final class AnswerReader implements Flow.Subscriber<String> {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String DATA = "data:";

  private final Ask ask;
  private final Dialect dialect;
  private final OptionalInt hangUpAfter;
  private final AnswerBuilder answer;
  private final StringBuilder refusal = new StringBuilder();
  private final CompletableFuture<Answer> whole = new CompletableFuture<>();

  AnswerReader(Ask ask, Dialect dialect, OptionalInt hangUpAfter) {
    this.ask = ask;
    this.dialect = dialect;
    this.hangUpAfter = hangUpAfter;
    this.answer = new AnswerBuilder(dialect);
  }

  /** Completes once, whatever happens, never exceptionally. */
  CompletableFuture<Answer> whole() {
    return whole;
  }

  synchronized void status(int code) {
    answer.status(code);
  }

  @Override
  public void onSubscribe(Flow.Subscription subscription) {
    subscription.request(Long.MAX_VALUE);
  }

  @Override
  public synchronized void onNext(String line) {
    answer.at(System.nanoTime());
    if (answer.status() != 200) {
      refusal.append(line);
      return;
    }
    String data = line.startsWith(DATA) ? line.substring(DATA.length()).strip() : line;
    if (data.equals("[DONE]")) {
      answer.done();
    } else if (data.startsWith("{")) {
      event(data);
    }
    if (hangUpAfter.isPresent() && answer.events() >= hangUpAfter.getAsInt()) {
      end(new Answer.End.HungUp());
    }
  }

  private void event(String data) {
    try {
      dialect.read(JSON.readTree(data), answer);
    } catch (JsonProcessingException e) {
      answer.failed("not JSON: " + data);
    }
  }

  @Override
  public void onError(Throwable failure) {
    broken(failure);
  }

  synchronized void broken(Throwable failure) {
    end(new Answer.End.Broken(reason(failure)));
  }

  /** Returns the reason in words. */
  private static String reason(Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException
            ? Optional.ofNullable(failure.getCause()).orElse(failure)
            : failure;
    return cause instanceof ConnectException unconnected ? reason(unconnected) : cause.toString();
  }

  /** Returns the reason; the exceptions of a refused connection and an unknown host have none. */
  private static String reason(ConnectException unconnected) {
    for (Throwable cause = unconnected; cause != null; cause = cause.getCause()) {
      if (cause instanceof UnresolvedAddressException) {
        return "unknown host";
      }
    }
    String message = unconnected.getMessage();
    return message == null || message.isBlank() ? "connection refused" : message;
  }

  @Override
  public synchronized void onComplete() {
    if (!refusal.isEmpty()) {
      answer.failed(refusal.toString());
    }
    whole.complete(answer.complete(ask));
  }

  synchronized void end(Answer.End end) {
    if (!whole.isDone()) {
      whole.complete(answer.end(end));
    }
  }
}
