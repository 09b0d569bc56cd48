package io.calm.loadtest.client;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscribers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/**
 * Sends requests and reads their answers as they stream. Gatling's own client delivers a body only
 * when it is complete, and its server-sent events have millisecond times and no JSON lines. This
 * client therefore does the timing, and Gatling schedules it. Never blocks; thread safe.
 */
public final class StreamingClient implements AutoCloseable {
  /** A client that hangs up before the first token waits so long for it. */
  private static final Duration BEFORE_FIRST_TOKEN = Duration.ofMillis(50);

  static {
    // A server may close an idle connection at the moment at which a request is written to it.
    // llama.cpp's does so after a hundred requests. The JDK repeats a POST only if told to.
    if (System.getProperty("jdk.httpclient.enableAllMethodRetry") == null) {
      System.setProperty("jdk.httpclient.enableAllMethodRetry", "true");
    }
  }

  private final Target target;
  private final Dialect dialect;
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(daemon("timer"));
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(10))
          .executor(Runnable::run) // reads where it selects: a thread more a token slows the server
          .build();

  /**
   * The server that requests go to.
   *
   * @param model empty where the server has one only
   * @param apiKey empty for none
   * @param timeout time after which a request counts as lost
   */
  public record Target(URI url, Schema schema, String model, String apiKey, Duration timeout) {}

  public StreamingClient(Target target) {
    this.target = target;
    this.dialect = target.schema().dialect();
  }

  private static ThreadFactory daemon(String name) {
    return task -> {
      Thread thread = new Thread(task, "loadtest-" + name);
      thread.setDaemon(true);
      return thread;
    };
  }

  /**
   * Sends a request.
   *
   * @param hangUpAfter events after which the client closes the connection; 0: before the first
   * @return completes with the answer, or with how it failed; never exceptionally
   */
  @SuppressWarnings("FutureReturnValueIgnored") // the reader's future is what is returned
  public CompletableFuture<Answer> send(Ask ask, OptionalInt hangUpAfter) {
    HttpRequest request = request(ask);
    AnswerReader reader = new AnswerReader(ask, dialect, hangUpAfter);
    CompletableFuture<HttpResponse<Void>> sent =
        http.sendAsync(
            request,
            info -> {
              reader.status(info.statusCode());
              return BodySubscribers.fromLineSubscriber(
                  reader, r -> null, StandardCharsets.UTF_8, null);
            });
    sent.whenComplete(
        (response, failure) -> {
          if (failure != null) {
            reader.broken(failure);
          }
        });
    boolean early = hangUpAfter.isPresent() && hangUpAfter.getAsInt() == 0;
    ScheduledFuture<?> end =
        early
            ? after(BEFORE_FIRST_TOKEN, () -> reader.end(new Answer.End.HungUp()))
            : after(target.timeout(), () -> reader.end(new Answer.End.TimedOut()));
    return reader
        .whole()
        .whenComplete(
            (answer, none) -> {
              end.cancel(false);
              if (!(answer.end() instanceof Answer.End.Complete)) {
                sent.cancel(true); // closes the connection
              }
            });
  }

  private ScheduledFuture<?> after(Duration delay, Runnable task) {
    return timer.schedule(task, delay.toMillis(), TimeUnit.MILLISECONDS);
  }

  private HttpRequest request(Ask ask) {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(target.url().resolve(dialect.path(target.model())))
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(dialect.body(target.model(), ask).toString()));
    if (!target.apiKey().isEmpty()) {
      builder.header("Authorization", "Bearer " + target.apiKey());
    }
    return builder.build();
  }

  @Override
  public void close() {
    timer.shutdownNow();
  }
}
