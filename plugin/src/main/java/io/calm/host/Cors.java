package io.calm.host;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** The web origins that may read this server's responses, and the CORS headers for them. */
final class Cors {
  private static final String ANY = "*";
  private static final Pattern HEADER_NAMES =
      Pattern.compile("[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,2000}");
  private static final String METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS";
  private static final String MAX_AGE_SECONDS = "600";

  private final Set<String> origins;

  /**
   * @param origins allowed origins in the form of {@link #checked}; empty to send no CORS headers
   */
  Cors(List<String> origins) {
    this.origins = Set.copyOf(origins);
  }

  /**
   * Returns an origin in the form that browsers send.
   *
   * @throws IllegalArgumentException if it is not an origin, {@code null} or {@code *}
   */
  static String checked(String origin) {
    if (origin.equals(ANY) || origin.equals("null")) {
      return origin;
    }
    try {
      URI uri = new URI(origin.toLowerCase(Locale.ROOT));
      String path = uri.getRawPath();
      if (uri.getScheme() != null
          && uri.getRawAuthority() != null
          && (path.isEmpty() || path.equals("/"))
          && uri.getRawQuery() == null
          && uri.getRawFragment() == null) {
        return uri.getScheme() + "://" + withoutDefaultPort(uri);
      }
    } catch (URISyntaxException e) {
      // rejected below
    }
    throw new IllegalArgumentException(
        "CORS origin: expected scheme://host[:port], null or *, got " + origin);
  }

  private static String withoutDefaultPort(URI uri) {
    String suffix =
        switch (uri.getScheme()) {
          case "http" -> ":80";
          case "https" -> ":443";
          default -> ":";
        };
    String authority = uri.getRawAuthority();
    return authority.endsWith(suffix)
        ? authority.substring(0, authority.length() - suffix.length())
        : authority;
  }

  boolean isOff() {
    return origins.isEmpty();
  }

  boolean allows(String origin) {
    return origins.contains(ANY) || names(origin);
  }

  /** Returns whether the origin is allowed by name, not only by {@code *}. */
  boolean names(String origin) {
    return origins.contains(origin.toLowerCase(Locale.ROOT));
  }

  /** Returns whether a request is a browser's preflight request. */
  static boolean isPreflight(HttpRequest request) {
    return request.method().equals(HttpMethod.OPTIONS)
        && request.headers().contains(HttpHeaderNames.ORIGIN)
        && request.headers().contains(HttpHeaderNames.ACCESS_CONTROL_REQUEST_METHOD);
  }

  /** Adds the headers that let a page read the response. */
  void addTo(HttpHeaders answer, Optional<String> origin) {
    if (isOff()) {
      return;
    }
    if (origins.contains(ANY)) {
      answer.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    } else {
      answer.add(HttpHeaderNames.VARY, HttpHeaderNames.ORIGIN);
      origin
          .filter(this::allows)
          .ifPresent(named -> answer.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, named));
    }
    if (origin.filter(this::allows).isPresent()) {
      answer.set(
          HttpHeaderNames.ACCESS_CONTROL_EXPOSE_HEADERS,
          "Retry-After, WWW-Authenticate, X-Request-Id");
    }
  }

  /** Adds the headers for a preflight request from an allowed origin. */
  void addPreflight(HttpHeaders answer, HttpHeaders asked) {
    answer.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    answer.set(HttpHeaderNames.ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
    answer.add(HttpHeaderNames.VARY, HttpHeaderNames.ACCESS_CONTROL_REQUEST_HEADERS);
    String names = asked.get(HttpHeaderNames.ACCESS_CONTROL_REQUEST_HEADERS, "");
    if (HEADER_NAMES.matcher(names).matches()) {
      answer.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    if (asked.contains("Access-Control-Request-Private-Network", "true", true)) {
      answer.set("Access-Control-Allow-Private-Network", "true");
    }
  }
}
