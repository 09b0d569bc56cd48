package io.calm.serving.http;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Holds docs/reference/http-api.md against the routes. */
class HttpDocumentationTest {

  @ParameterizedTest
  @EnumSource(Route.class)
  void everyRouteIsDocumentedWithAnExample(Route route) throws IOException {
    String page = Files.readString(Repository.path("docs/reference/http-api.md"));
    assertTrue(page.contains("`%s %s`".formatted(route.method(), route.path())), "the route");
    if (route == Route.PREDICTIONS_OF_VERSION) {
      return;
    }
    String path = route.path().replace("{m}", "smollm2").replace("{f}", "page.js");
    String example = "http://127.0.0.1:8080" + path;
    assertTrue(
        page.lines().anyMatch(line -> line.startsWith("curl ") && line.contains(example)),
        "no example with " + example);
  }
}
