package io.calm.host;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;
import java.util.Locale;

/** The content coding of a request body, from {@code Content-Encoding} (RFC 9110, 8.4). */
enum BodyCoding {
  IDENTITY,
  GZIP,
  DEFLATE,

  /** A coding that is not supported, or more than one. */
  UNKNOWN;

  static BodyCoding of(HttpHeaders headers) {
    List<String> codings =
        headers.getAll(HttpHeaderNames.CONTENT_ENCODING).stream()
            .flatMap(value -> List.of(value.split(",", -1)).stream())
            .map(coding -> coding.strip().toLowerCase(Locale.ROOT))
            .filter(coding -> !coding.isEmpty() && !coding.equals("identity"))
            .toList();
    if (codings.isEmpty()) {
      return IDENTITY;
    }
    return switch (codings.size() == 1 ? codings.get(0) : "") {
      case "gzip", "x-gzip" -> GZIP;
      case "deflate" -> DEFLATE;
      default -> UNKNOWN;
    };
  }
}
