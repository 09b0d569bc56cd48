package io.calm.host;

import io.calm.serving.http.Route;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Optional;
import java.util.Set;

/** The optional API key of the server. Compares bearer tokens in constant time. */
final class ApiKey {
  private static final String SCHEME = "bearer ";

  /** Health checks for load balancers and orchestrators, which send no key. */
  private static final Set<String> PROBES = Set.of("/ping", "/health", "/calm/ready");

  private final Optional<byte[]> key;

  ApiKey(Optional<String> key) {
    this.key = key.map(text -> text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Returns the key. Refuses one that clients cannot send: a header has no white space around its
   * value, and clients encode other characters than ASCII in different ways.
   *
   * @throws IllegalArgumentException if the key cannot be used; the message does not show it
   */
  static String checked(String key) {
    if (key.isBlank()) {
      throw refused(
          "expected a token, got an empty one; leave the option out and the variable unset to serve"
              + " without a key");
    }
    if (!key.equals(key.strip())) {
      boolean start = !key.equals(key.stripLeading());
      throw refused(
          "expected a token without white space around it, got white space at its %s; remove it, such as the line break at the end of a file"
              .formatted(start ? "start" : "end"));
    }
    for (int i = 0; i < key.length(); i++) {
      if (key.charAt(i) < ' ' || key.charAt(i) > '~') {
        throw refused(
            "expected printable ASCII characters, got another one at position %d of %d; choose a key without it"
                .formatted(i + 1, key.length()));
      }
    }
    return key;
  }

  private static IllegalArgumentException refused(String problem) {
    return new IllegalArgumentException("API key (--api-key or CALM_API_KEY): " + problem);
  }

  /** Returns whether a key is required. */
  boolean isSet() {
    return key.isPresent();
  }

  /** Returns whether a path is a health check, which needs no key and is always answered. */
  static boolean isProbe(String path) {
    return PROBES.contains(path);
  }

  /**
   * Returns whether a request has the required key, or needs none. The page needs none: it contains
   * no data, asks for the key, and sends it with the requests that it makes.
   */
  boolean admits(HttpRequest request, String path) {
    if (key.isEmpty() || isProbe(path) || isPage(request, path)) {
      return true;
    }
    String header = String.valueOf(request.headers().get(HttpHeaderNames.AUTHORIZATION, ""));
    if (!header.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
      return false;
    }
    String token = header.substring(SCHEME.length()).strip();
    return MessageDigest.isEqual(key.get(), token.getBytes(StandardCharsets.UTF_8));
  }

  private static boolean isPage(HttpRequest request, String path) {
    return Route.of(request.method(), path).filter(match -> match.route().isPage()).isPresent();
  }
}
