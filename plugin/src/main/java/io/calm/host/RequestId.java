package io.calm.host;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

/** The id of a request, by which a client's log and the server's are put side by side. */
final class RequestId {
  /** Header of requests and responses, as in DJL Serving. */
  static final String HEADER = "x-request-id";

  /** Ids that are safe in a log line and in a header. */
  private static final Pattern VALID = Pattern.compile("[A-Za-z0-9._:/+=@-]{1,128}");

  private RequestId() {}

  /** Returns the client's own id if it is valid, else a random one of 32 hexadecimal digits. */
  static String of(HttpHeaders request) {
    return Optional.ofNullable(request.get(HEADER))
        .filter(id -> VALID.matcher(id).matches())
        .orElseGet(RequestId::random);
  }

  private static String random() {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    HexFormat hex = HexFormat.of();
    return hex.toHexDigits(random.nextLong()) + hex.toHexDigits(random.nextLong());
  }
}
