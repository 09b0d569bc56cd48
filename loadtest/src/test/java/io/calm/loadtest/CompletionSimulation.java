package io.calm.loadtest;

import static io.gatling.javaapi.core.CoreDsl.StringBody;
import static io.gatling.javaapi.core.CoreDsl.bodyString;
import static io.gatling.javaapi.core.CoreDsl.constantConcurrentUsers;
import static io.gatling.javaapi.core.CoreDsl.exec;
import static io.gatling.javaapi.core.CoreDsl.global;
import static io.gatling.javaapi.core.CoreDsl.jmesPath;
import static io.gatling.javaapi.core.CoreDsl.scenario;
import static io.gatling.javaapi.http.HttpDsl.http;
import static io.gatling.javaapi.http.HttpDsl.status;

import io.gatling.javaapi.core.ChainBuilder;
import io.gatling.javaapi.core.Simulation;
import io.gatling.javaapi.http.HttpRequestActionBuilder;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Completions from a number of users at once, each asking again when its answer is there.
 *
 * <p>System properties: {@code baseUrl} (http://127.0.0.1:8080), {@code model} (the server's only
 * one), {@code users} (8), {@code seconds} (30), {@code tokens} (32), {@code stream} (false),
 * {@code apiKey} (none). Every request must succeed and every answer hold text.
 */
public class CompletionSimulation extends Simulation {
  private static final List<String> PROMPTS =
      List.of(
          "The package manager reads its configuration from",
          "To build the program from its sources, first",
          "A process that ignores the signal",
          "The most common reason for a failed test is",
          "Once upon a time in a small harbour town",
          "The difference between a thread and a process is");

  private static final Pattern TEXT = Pattern.compile("\"text\":\\s*\"[^\"]");

  private final String baseUrl = System.getProperty("baseUrl", "http://127.0.0.1:8080");
  private final String model = System.getProperty("model", "");
  private final int users = Integer.getInteger("users", 8);
  private final int seconds = Integer.getInteger("seconds", 30);
  private final int tokens = Integer.getInteger("tokens", 32);
  private final boolean stream = Boolean.getBoolean("stream");
  private final String apiKey = System.getProperty("apiKey", "");

  {
    ChainBuilder ask =
        exec(session ->
                session.set("prompt", PROMPTS.get((int) (session.userId() % PROMPTS.size()))))
            .exec(stream ? streamed() : whole());
    setUp(
            scenario("completions")
                .exec(ask)
                .injectClosed(constantConcurrentUsers(users).during(Duration.ofSeconds(seconds))))
        .protocols(
            http.baseUrl(baseUrl)
                .contentTypeHeader("application/json")
                .headers(apiKey.isEmpty() ? Map.of() : Map.of("Authorization", "Bearer " + apiKey)))
        .maxDuration(Duration.ofSeconds(seconds + 120L))
        .assertions(
            global().successfulRequests().percent().is(100.0),
            global().allRequests().count().gte((long) users));
  }

  private HttpRequestActionBuilder whole() {
    return completion("completion")
        .check(status().is(200))
        .check(jmesPath("choices[0].text").transform(String::isBlank).is(false));
  }

  private HttpRequestActionBuilder streamed() {
    return completion("completion, streamed")
        .check(status().is(200))
        .check(bodyString().transform(CompletionSimulation::isWholeStream).is(true));
  }

  private HttpRequestActionBuilder completion(String name) {
    String named = model.isEmpty() ? "" : "\"model\": \"%s\", ".formatted(model);
    return http(name)
        .post("/v1/completions")
        .body(
            StringBody(
                "{%s\"prompt\": \"#{prompt}\", \"max_tokens\": %d, \"temperature\": 0, \"stream\": %b}"
                    .formatted(named, tokens, stream)));
  }

  /** Returns whether a stream of events has text and ends as it must. */
  private static boolean isWholeStream(String body) {
    return TEXT.matcher(body).find() && body.stripTrailing().endsWith("data: [DONE]");
  }
}
