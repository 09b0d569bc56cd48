package io.calm.host;

import io.calm.serving.http.Route;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.text.Printable;
import io.calm.text.Urls;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Checks the head of a request before any of its body is kept: it must be unambiguous HTTP, its
 * sender must be allowed to use this server, and its body must be acceptable. Passes on a rejected
 * request with a failed {@link DecoderResult}; the cause is the {@link ApiException} for the
 * response.
 */
@Sharable
final class HeadCheck extends ChannelInboundHandlerAdapter {
  private static final Pattern ABSOLUTE =
      Pattern.compile("(?i)https?://([^/?#]*+)([^#]*+)(?:#.*+)?+");

  private final int maxBodyBytes;
  private final ApiKey key;
  private final HostNames names;
  private final Cors cors;
  private final ByteBudget responses;

  /**
   * @param responses memory of unread responses
   */
  HeadCheck(int maxBodyBytes, ApiKey key, HostNames names, Cors cors, ByteBudget responses) {
    this.maxBodyBytes = maxBodyBytes;
    this.key = key;
    this.names = names;
    this.cors = cors;
    this.responses = responses;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest request && request.decoderResult().isSuccess()) {
      try {
        check(request);
      } catch (ApiException e) {
        request.setDecoderResult(DecoderResult.failure(e));
      }
    }
    context.fireChannelRead(message);
  }

  private void check(HttpRequest request) {
    version(request);
    framing(request);
    Optional<Authority> host = target(request);
    sender(request, host);
    body(request);
  }

  /** Checks the version; a later minor version counts as HTTP/1.1 (RFC 9110, 2.5). */
  private static void version(HttpRequest request) {
    HttpVersion version = request.protocolVersion();
    if (!version.protocolName().equals("HTTP") || version.majorVersion() != 1) {
      throw new ApiException(
          ApiException.Kind.UNSUPPORTED_VERSION,
          "expected HTTP/1.1 or HTTP/1.0, got " + Printable.of(version));
    }
    if (version.minorVersion() > 1) {
      request.setProtocolVersion(HttpVersion.HTTP_1_1);
    }
  }

  private static void framing(HttpRequest request) {
    boolean modern = request.protocolVersion().equals(HttpVersion.HTTP_1_1);
    List<String> codings = request.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
    if (!codings.isEmpty() && !modern) {
      throw malformed("expected no Transfer-Encoding in " + request.protocolVersion());
    }
    if (!codings.isEmpty()
        && !(codings.size() == 1 && codings.get(0).strip().equalsIgnoreCase("chunked"))) {
      throw malformed("Transfer-Encoding: expected chunked alone, got " + Printable.of(codings));
    }
    int hosts = request.headers().getAll(HttpHeaderNames.HOST).size();
    if (hosts > 1 || (modern && hosts == 0)) {
      throw malformed("expected one Host header, got " + hosts);
    }
  }

  private static ApiException malformed(String problem) {
    return new ApiException(ApiException.Kind.INVALID, "malformed HTTP request: " + problem);
  }

  /**
   * Converts the request target to a path and returns the host: that of an absolute target, or else
   * that of the {@code Host} header (RFC 9112, 3.2.2).
   */
  private static Optional<Authority> target(HttpRequest request) {
    String uri = request.uri();
    String host = String.valueOf(request.headers().get(HttpHeaderNames.HOST, "")).strip();
    if (request.method().equals(HttpMethod.CONNECT)) {
      throw new ApiException(
          ApiException.Kind.METHOD_NOT_ALLOWED, "CONNECT: this server is not a proxy");
    }
    boolean options = request.method().equals(HttpMethod.OPTIONS);
    if (!uri.startsWith("/") && !(options && uri.equals("*"))) {
      Matcher matcher = ABSOLUTE.matcher(uri);
      if (!matcher.matches()) {
        throw malformed(
            "request target: expected a path or http://host/path, got "
                + Printable.of(Urls.withoutSecrets(uri)));
      }
      host = matcher.group(1);
      String rest = matcher.group(2);
      request.setUri(rest.isEmpty() && options ? "*" : rest.startsWith("/") ? rest : "/" + rest);
      request.headers().set(HttpHeaderNames.HOST, host);
      if (host.isEmpty()) {
        throw malformed(
            "request target: expected a host, got " + Printable.of(Urls.withoutSecrets(uri)));
      }
    }
    if (host.isEmpty()) {
      return Optional.empty();
    }
    String given = host;
    return Optional.of(
        Authority.parse(host)
            .orElseThrow(
                () -> malformed("Host: expected host[:port], got " + Printable.of(given))));
  }

  private void sender(HttpRequest request, Optional<Authority> host) {
    List<String> origins = request.headers().getAll(HttpHeaderNames.ORIGIN);
    if (origins.size() > 1) {
      throw malformed("expected one Origin header, got " + origins.size());
    }
    Optional<String> origin = origins.stream().findFirst();
    if (key.isSet()) {
      boolean preflight = Cors.isPreflight(request) && origin.filter(cors::allows).isPresent();
      if (!preflight && !key.admits(request, path(request))) {
        throw new ApiException(
            ApiException.Kind.UNAUTHORIZED,
            "expected the header \"Authorization: Bearer KEY\" with this server's API key");
      }
      return;
    }
    if (host.isPresent() && !names.admits(host.get())) {
      throw forbidden(
          ("Host: expected localhost, or the name or address that this server listens on, got %s;"
                  + " call it by that, allow the name with --allowed-host, or set an API key")
              .formatted(Printable.of(host.get().name())));
    }
    boolean foreign = origin.filter(page -> !names.isOwn(page, host)).isPresent();
    if (foreign && !cors.allows(origin.get())) {
      throw forbidden(
          "Origin: web pages of %s may not use this server; allow them with --cors-origin"
              .formatted(Printable.of(origin.get())));
    }
    Optional<String> page = foreign ? origin : Optional.empty();
    Route.of(request.method(), path(request))
        .map(Route.Match::route)
        .filter(Route::manages)
        .ifPresent(route -> management(route, page));
  }

  private void management(Route route, Optional<String> foreign) {
    boolean measures = route == Route.PROBE_LATENCY;
    if (!names.onLoopback()) {
      throw forbidden(
          (measures
                  ? "a measurement cannot be asked for"
                  : "models cannot be registered or unregistered")
              + ": this server is open to the network and has no API key; start it with --api-key,"
              + " or with --host 127.0.0.1");
    }
    if (foreign.isPresent() && !cors.names(foreign.get())) {
      throw forbidden(
          "Origin: web pages of %s may not %s; allow them by name with --cors-origin"
              .formatted(
                  Printable.of(foreign.get()),
                  measures ? "ask for a measurement" : "register or unregister models"));
    }
  }

  private static ApiException forbidden(String message) {
    return new ApiException(ApiException.Kind.FORBIDDEN, message);
  }

  private static String path(HttpRequest request) {
    return new QueryStringDecoder(request.uri()).rawPath();
  }

  private void body(HttpRequest request) {
    HttpHeaders headers = request.headers();
    String expect = String.valueOf(headers.get(HttpHeaderNames.EXPECT, ""));
    if (!expect.isEmpty() && !HttpHeaderValues.CONTINUE.contentEqualsIgnoreCase(expect)) {
      throw new ApiException(
          ApiException.Kind.EXPECTATION_FAILED,
          "Expect: expected 100-continue, got " + Printable.of(expect));
    }
    if (BodyCoding.of(headers) == BodyCoding.UNKNOWN) {
      throw new ApiException(
          ApiException.Kind.UNSUPPORTED_CODING,
          "Content-Encoding: expected gzip, deflate or identity, got "
              + Printable.of(
                  String.join(", ", headers.getAll(HttpHeaderNames.CONTENT_ENCODING))
                      .toLowerCase(Locale.ROOT)));
    }
    if (HttpUtil.getContentLength(request, 0L) > maxBodyBytes) {
      throw BodyCollector.tooLarge(maxBodyBytes);
    }
    if (responses.isHalfTaken() && !ApiKey.isProbe(path(request))) {
      throw new ApiException(
          ApiException.Kind.OVERLOADED, "unread responses use too much memory; try again later");
    }
  }
}
