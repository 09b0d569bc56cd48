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
