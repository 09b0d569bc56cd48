package io.calm.serving.http;

import io.calm.serving.reply.ApiException;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The parameters of a URL's query. */
final class Query {
  private Query() {}

  /**
   * Returns all parameters with their values, which are decoded here.
   *
   * @throws ApiException if a %-escape is malformed
   */
  static Map<String, List<String>> parameters(QueryStringDecoder target) {
    try {
      return target.parameters();
    } catch (IllegalArgumentException e) {
      throw new ApiException(
          ApiException.Kind.INVALID,
          "query: expected %-escapes of two hexadecimal digits, got a malformed %-escape;"
              + " write % itself as %25");
    }
  }

  /**
   * Returns the first value of a parameter.
   *
   * @throws ApiException if a %-escape is malformed, also of another parameter
   */
  static Optional<String> first(QueryStringDecoder target, String name) {
    return parameters(target).getOrDefault(name, List.of()).stream().findFirst();
  }
}
