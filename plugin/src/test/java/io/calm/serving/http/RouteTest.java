package io.calm.serving.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.netty.handler.codec.http.HttpMethod;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Paths and the models that they name. */
class RouteTest {

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        "POST, /predictions/m, PREDICTIONS, m",
        "POST, /predictions/m/, PREDICTIONS, m",
        "POST, /predictions/org%2Fname, PREDICTIONS, org/name",
        "POST, /predictions/org%2fname/2, PREDICTIONS_OF_VERSION, org/name",
        "POST, /predictions/a+b%20c%2B, PREDICTIONS, a+b c+",
        "POST, /models/org%2Fname/invoke, INVOKE, org/name",
        "GET, /v1/models/org%2Fname, V1_MODEL, org/name",
        "GET, /v1/models/org/name, V1_MODEL, org/name",
        "HEAD, /calm/models/org%2Fname, CALM_MODEL, org/name",
        "GET, /calm/models/org%2Fname/latency, LATENCY, org/name",
        "POST, /calm/models/m/latency, PROBE_LATENCY, m",
        "POST, /calm/models/m, -, -",
        "DELETE, /models/org%2Fname, UNREGISTER, org/name",
        "GET, /calm, PAGE, -",
        "GET, /calm/page/page.js, PAGE_FILE, -",
        "GET, /health, HEALTH, -",
        "GET, /v1%2Fmodels, -, -",
        "GET, /models/org/name, -, -",
        "GET, /models/%zz, -, -",
        "GET, /models/%, -, -",
        "GET, '', -, -",
        "POST, /models//invoke, -, -",
      })
  void aPathHasItsRoute(HttpMethod method, String path, Route route, String model) {
    Optional<Route.Match> match = Route.of(method, path);
    assertEquals(Optional.ofNullable(route), match.map(Route.Match::route));
    assertEquals(Optional.ofNullable(model), match.flatMap(Route.Match::model));
  }
}
