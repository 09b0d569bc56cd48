package io.calm.serving.http;

import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Every route, with its method and path; {@code {m}} is a model's name, {@code {v}} a version and
 * {@code {f}} a file of the page.
 */
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
  HEALTH("GET", "/health"),
  CALM_READY("GET", "/calm/ready"),
  CALM_MODELS("GET", "/calm/models"),
  CALM_MODEL("GET", "/calm/models/{m}"),
  CALM_REPORT("GET", "/calm/models/{m}/report"),
  LATENCY("GET", "/calm/models/{m}/latency"),
  PROBE_LATENCY("POST", "/calm/models/{m}/latency"),
  CALM_METRICS("GET", "/calm/metrics"),
  PAGE("GET", "/calm"),
  PAGE_FILE("GET", "/calm/page/{f}"),
  MODELS("GET", "/models"),
  MODEL("GET", "/models/{m}"),
  REGISTER("POST", "/models"),
  SCALE("PUT", "/models/{m}"),
  UNREGISTER("DELETE", "/models/{m}");

  private static final Set<String> WILDCARDS = Set.of("{v}", "{f}");

  private final String method;
  private final String path;

  Route(String method, String path) {
    this.method = method;
    this.path = path;
  }

  /**
   * A matched route.
   *
   * @param model empty if the path names none
   */
  public record Match(Route route, Optional<String> model) {}

  /** Returns the method's name. */
  public String method() {
    return method;
  }

  public String path() {
    return path;
  }

  /** Returns whether the route needs the right to manage models. */
  public boolean manages() {
    return registers() || this == PROBE_LATENCY;
  }

  /** Returns whether the route is the page or one of its files, which contain no data. */
  public boolean isPage() {
    return this == PAGE || this == PAGE_FILE;
  }

  /** Returns whether the route registers, scales or unregisters models. */
  boolean registers() {
    return this == REGISTER || this == SCALE || this == UNREGISTER;
  }

  /** Returns the methods that some route answers to, in their order. */
  static Set<String> methods() {
    Set<String> methods = new TreeSet<>(Set.of("HEAD", "OPTIONS"));
    Arrays.stream(values()).map(Route::method).forEach(methods::add);
    return methods;
  }

  /**
   * Returns the route of a path for a method; HEAD is GET without its body.
   *
   * @param path as in the URL: a model's name may have a slash, written {@code %2F}
   */
  public static Optional<Match> of(HttpMethod method, String path) {
    String wanted = HttpMethod.HEAD.equals(method) ? "GET" : method.name();
    return matching(path).stream().filter(m -> m.route().method.equals(wanted)).findFirst();
  }

  /** Returns the routes of a path for any method. */
  public static List<Match> matching(String path) {
    List<Match> matches = new ArrayList<>();
    try {
      String[] given = segments(path);
      for (Route route : values()) {
        route.match(given).ifPresent(matches::add);
      }
    } catch (IllegalArgumentException e) { // a bad %-escape: no path at all
      return List.of();
    }
    return matches;
  }

  private Optional<Match> match(String[] given) {
    String[] segments = segments(path);
    boolean rest = this == V1_MODEL && given.length > segments.length; // clients that do not encode
    if (given.length != segments.length && !rest) {
      return Optional.empty();
    }
    Optional<String> model = Optional.empty();
    for (int i = 0; i < segments.length; i++) {
      if (segments[i].equals("{m}") && !given[i].isEmpty()) {
        model = Optional.of(given[i]);
      } else if (!WILDCARDS.contains(segments[i]) && !segments[i].equals(given[i])) {
        return Optional.empty();
      }
    }
    if (rest) {
      List<String> name = Arrays.asList(given).subList(segments.length - 1, given.length);
      model = Optional.of(String.join("/", name));
    }
    return Optional.of(new Match(this, model));
  }

  /**
   * Splits a path and decodes its segments; a trailing slash is ignored.
   *
   * @throws IllegalArgumentException if a %-escape is malformed
   */
  public static String[] segments(String path) {
    String[] segments = path.split("/"); // drops trailing empty segments
    for (int i = 0; i < segments.length; i++) {
      segments[i] = decoded(segments[i]);
    }
    return segments;
  }

  /** Decodes {@code %XX}; a plus sign in a path stands for itself. */
  private static String decoded(String segment) {
    return segment.indexOf('%') < 0
        ? segment
        : QueryStringDecoder.decodeComponent(segment.replace("+", "%2B"));
  }
}
