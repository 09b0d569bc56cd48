package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.ModelRegistry;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RequestClaimTest {
  private final ModelRegistry ours = new ModelRegistry();

  RequestClaimTest() {
    ours.loading("tiny", "file:/models/tiny");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      value = {
        "/calm                       |    | /calm",
        "/calm/models/tiny?x=1       |    | /calm/models/tiny",
        "/v1/models                  |    | /v1/models",
        "/v1/completions             | {} | /v1/completions",
        "/predictions/tiny           | {} | /predictions/tiny",
        "/predictions/tiny/          | {} | /predictions/tiny",
        "/predictions/other          | {} | -",
        "/predictions/tiny/2         | {} | -",
        "/predictions                | {} | -",
        "/models/tiny/invoke         | {} | /models/tiny/invoke",
        "/models/other/invoke        | {} | -",
        "/models/tiny                |    | -",
        "/models                     |    | -",
        "/ping                       |    | -",
        "/server/metrics             |    | -",
        "/                           |    | -",
        "/calmer                     |    | -",
        "/invocations?model_name=tiny  | {} | /predictions/tiny",
        "/invocations?model_name=other | {} | -",
        "/invocations                  | {\"model_name\":\"tiny\"} | /predictions/tiny",
        "/invocations                  | {\"model_name\":\"other\"} | -",
        "/invocations                  | \"model_name\" is not an object | -",
        "/v1/chat/completions          | {\"model\":\"tiny\"} | /v1/chat/completions",
        "/v1/chat/completions          | {\"model\":\"other\"} | -",
      })
  void amongModelsOfOtherEnginesOnlyOurs(String uri, String body, String expected) {
    RequestClaim claim =
        new RequestClaim(ours, new Fixed(Set.of("tiny", "other"), Optional.of("other")));

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
  void forgetsWhatDjlServingHasUnregistered() {
    ours.failed("broken", "file:/models/broken", "why");

    RegistrySync.forget(ours, new Fixed(Set.of("tiny"), Optional.empty()));

    assertEquals(Set.of("tiny"), ours.all().keySet());
  }

  private static FullHttpRequest request(String uri, String body) {
    return new DefaultFullHttpRequest(
        HttpVersion.HTTP_1_1,
        HttpMethod.POST,
        uri,
        Unpooled.copiedBuffer(body, StandardCharsets.UTF_8));
  }

  private record Fixed(Set<String> names, Optional<String> startup) implements DjlModels {}
}
