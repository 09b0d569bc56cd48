package io.calm.serving.http;

import io.netty.handler.codec.http.HttpMethod;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Every route, with its method and path; {@code {m}} is a model's name. */
public enum Route {
  PREDICTIONS("POST", "/predictions/{m}"),
  PREDICTIONS_OF_VERSION("POST", "/predictions/{m}/{v}"),
  INVOKE("POST", "/models/{m}/invoke"),
  INVOCATIONS("POST", "/invocations"),
  COMPLETIONS("POST", "/v1/completions"),
  CHAT("POST", "/v1/chat/completions"),
  V1_MODELS("GET", "/v1/models"),
  V1_MODEL("GET", "/v1/models/{m}"),
  PING("GET", "/ping"),
  CALM_READY("GET", "/calm/ready"),
  CALM_MODELS("GET", "/calm/models"),
  CALM_MODEL("GET", "/calm/models/{m}"),
  CALM_METRICS("GET", "/calm/metrics"),
  MODELS("GET", "/models"),
  MODEL("GET", "/models/{m}"),
  REGISTER("POST", "/models"),
  SCALE("PUT", "/models/{m}"),
  UNREGISTER("DELETE", "/models/{m}");

  private final String method;
  private final String path;

  Route(String method, String path) {
    this.method = method;
    this.path = path;
  }

  /**
   * A path's route.
   *
   * @param model empty where the path names none
   */
  public record Match(Route route, Optional<String> model) {}

  /** Returns the method's name. */
  public String method() {
    return method;
  }

  public String path() {
    return path;
  }

  /** Returns whether the route changes which models there are. */
  public boolean manages() {
    return this == REGISTER || this == SCALE || this == UNREGISTER;
  }

  /** Returns the route of a decoded path for a method; HEAD is GET without its body. */
  public static Optional<Match> of(HttpMethod method, String path) {
    String wanted = HttpMethod.HEAD.equals(method) ? "GET" : method.name();
    return matching(path).stream().filter(m -> m.route().method.equals(wanted)).findFirst();
  }

  /** Returns the routes of a path whatever the method. */
  public static List<Match> matching(String path) {
    String[] given = segments(path);
    List<Match> matches = new ArrayList<>();
    for (Route route : values()) {
      route.match(given).ifPresent(matches::add);
    }
    return matches;
  }

  private Optional<Match> match(String[] given) {
    String[] segments = segments(path);
    if (given.length != segments.length) {
      return Optional.empty();
    }
    Optional<String> model = Optional.empty();
    for (int i = 0; i < given.length; i++) {
      if (segments[i].equals("{m}") && !given[i].isEmpty()) {
        model = Optional.of(given[i]);
      } else if (!segments[i].equals("{v}") && !segments[i].equals(given[i])) {
        return Optional.empty();
      }
    }
    return Optional.of(new Match(this, model));
  }

  /** Splits a path; a slash at its end changes nothing. */
  private static String[] segments(String path) {
    return path.split("/"); // drops trailing empty segments
  }
}
