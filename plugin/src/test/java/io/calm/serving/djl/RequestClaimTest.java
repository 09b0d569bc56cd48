package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.modality.Input;
import ai.djl.modality.Output;
import io.calm.serving.model.ModelRegistry;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RequestClaimTest {
  private final ModelRegistry ours = new ModelRegistry();

  RequestClaimTest() {
    for (String name : List.of("tiny", "org/name", "old:1", "old:2", "mixed:1")) {
      ours.loading(name, "file:/models/" + name);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      value = {
        "/calm                       |    | /calm",
        "/calm/models/tiny?x=1       |    | /calm/models/tiny",
        "/calm/models/tiny/latency   | {} | /calm/models/tiny/latency",
        "/v1/models                  |    | /v1/models",
        "/v1/completions             | {} | /v1/completions",
        "/predictions/tiny           | {} | /predictions/tiny",
        "/predictions/tiny/          | {} | /predictions/tiny",
        "/predictions/org%2Fname     | {} | /predictions/org%2Fname",
        "/models/org%2Fname/invoke   | {} | /predictions/org%2Fname",
        "/calm/models/org%2Fname     |    | /calm/models/org%2Fname",
        "/calm/models/tiny/report?format=json | | /calm/models/tiny/report",
        "/predictions/%zz            | {} | -",
        "/predictions/other          | {} | -",
        "/predictions/tiny/2         | {} | -",
        "/predictions/old/1          | {} | /predictions/old%3A1",
        "/predictions/old/3          | {} | -",
        "/predictions/old            | {} | /predictions/old%3A1",
        "/predictions/mixed          | {} | -",
        "/invocations?model_name=old&model_version=2 | {} | /predictions/old%3A2",
        "/predictions                | {} | -",
        "/models/tiny/invoke         | {} | /predictions/tiny",
        "/models/other/invoke        | {} | -",
        "/models/tiny                |    | -",
        "/models                     |    | -",
        "/ping                       |    | -",
        "/server/metrics             |    | -",
        "/                           |    | -",
        "/calmer                     |    | -",
        "/invocations?model_name=tiny  | {} | /predictions/tiny",
        "/invocations?model_name=other | {} | -",
        "/invocations?model_name=tiny%  | {\"model_name\":\"tiny\"} | -",
        "/models/tiny/invoke?x=%zz      | {} | -",
        "/v1/chat/completions?x=%zz     | {\"model\":\"tiny\"} | -",
        "/v1/completions?x=%zz          | {} | /v1/completions",
        "/invocations                  | {\"model_name\":\"tiny\"} | /predictions/tiny",
        "/invocations                  | {\"model_name\":\"other\"} | -",
        "/invocations                  | \"model_name\" is not an object | -",
        "/v1/chat/completions          | {\"model\":\"tiny\"} | /v1/chat/completions",
        "/v1/chat/completions          | {\"model\":\"other\"} | -",
      })
  void amongModelsOfOtherEnginesOnlyOurs(String uri, String body, String expected) {
    RequestClaim claim =
        new RequestClaim(
            ours, new Fixed(Set.of("tiny", "org/name", "other"), Optional.of("other")));

    assertEquals(Optional.ofNullable(expected), claim.path(request(uri, body == null ? "" : body)));
  }

  @Test
  void withoutAModelsNameTheStartupModelsEngineDecides() {
    RequestClaim claim =
        new RequestClaim(ours, new Fixed(Set.of("tiny", "other"), Optional.of("tiny")));

    assertEquals(
        Optional.of("/predictions/tiny"),
        claim.path(request("/invocations", "{\"inputs\":\"x\"}")));
    assertTrue(claim.path(request("/v1/chat/completions", "{}")).isPresent());
  }

  @Test
  void whereAllModelsAreOursChatIsOursWhateverModelItNames() {
    RequestClaim claim = new RequestClaim(ours, new Fixed(Set.of("tiny"), Optional.empty()));

    assertTrue(claim.path(request("/v1/chat/completions", "{\"model\":\"gpt-4\"}")).isPresent());
  }

  @Test
  void theVersionsOfANameTakeTurns() {
    RequestClaim claim = new RequestClaim(ours, new Fixed(Set.of("tiny"), Optional.empty()));
    FullHttpRequest request = request("/predictions/old", "{}");
    for (int i = 0; i < 3; i++) {
      assertTrue(claim.claims(request), "asking whether takes no turn");
    }
    assertEquals(Optional.of("/predictions/old%3A1"), claim.path(request));
    assertEquals(Optional.of("/predictions/old%3A2"), claim.path(request));
    assertEquals(Optional.of("/predictions/old%3A1"), claim.path(request));
  }

  @ParameterizedTest
  @CsvSource({"x-synchronous, false", "x-starting-token, t1"})
  void answersThatAreFetchedLaterAreDjlServings(String header, String value) {
    RequestClaim claim = new RequestClaim(ours, new Fixed(Set.of("tiny"), Optional.empty()));
    FullHttpRequest request = request("/predictions/tiny", "{}");
    request.headers().set(header, value);
    assertFalse(claim.claims(request));
  }

  @Test
  void forgetsWhatDjlServingHasUnregistered() {
    ours.failed(
        ours.loading("broken", "file:/models/broken"), "broken", "file:/models/broken", "why");
    Fixed server = new Fixed(Set.of("tiny"), Optional.empty());

    new RegistrySync(ours, server, new JobQueues(server)).look();

    assertEquals(Set.of("tiny"), ours.all().keySet());
  }

  private static FullHttpRequest request(String uri, String body) {
    return new DefaultFullHttpRequest(
        HttpVersion.HTTP_1_1,
        HttpMethod.POST,
        uri,
        Unpooled.copiedBuffer(body, StandardCharsets.UTF_8));
  }

  /** A server with the given models and, under names of two versions, {@code old} and mixed. */
  private record Fixed(Set<String> names, Optional<String> startup, AtomicInteger turns)
      implements DjlServer {
    Fixed(Set<String> names, Optional<String> startup) {
      this(names, startup, new AtomicInteger());
    }

    @Override
    public List<String> versions(String name) {
      return switch (name) {
        case "old" -> List.of("old:1", "old:2");
        case "mixed" -> List.of("mixed:1", "mixed:2");
        default -> names.contains(name) ? List.of(name) : List.of();
      };
    }

    @Override
    public Optional<String> next(String name) {
      List<String> versions = versions(name);
      return versions.isEmpty()
          ? Optional.empty()
          : Optional.of(versions.get(turns.getAndIncrement() % versions.size()));
    }

    @Override
    public CompletableFuture<Output> run(String model, Input job) {
      throw new UnsupportedOperationException();
    }

    @Override
    public boolean hasStartedWorkers(String model) {
      return names.contains(model);
    }

    @Override
    public boolean hasWorker(String model) {
      return names.contains(model);
    }

    @Override
    public int throttleStatus() {
      return 429;
    }
  }
}
