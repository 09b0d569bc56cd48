package io.calm.serving.http;

import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ReplySink;
import io.calm.text.Printable;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The files of the page {@code GET /calm}, read once from the jar. They contain no data of the
 * server: the page fetches that from the JSON routes. Thread safe.
 */
final class PageFiles {
  static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
          + " img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

  private static final String INDEX = "index.html";
  private static final Map<String, String> TYPES =
      Map.of(
          "html", "text/html; charset=utf-8",
          "js", "text/javascript; charset=utf-8",
          "css", "text/css; charset=utf-8",
          "svg", "image/svg+xml");
  private static final Map<String, PageFile> FILES =
      Stream.of(
              INDEX,
              "page.css",
              "page.js",
              "api.js",
              "dom.js",
              "models.js",
              "latency.js",
              "prompt.js",
              "icon.svg")
          .collect(Collectors.toUnmodifiableMap(Function.identity(), PageFiles::read));

  private PageFiles() {}

  /** A file with its type and its entity tag. */
  @SuppressWarnings("ArrayRecordComponent") // a file, read only
  private record PageFile(String type, String tag, byte[] bytes) {}

  /**
   * Answers with a file, or with 304 if the client has it already.
   *
   * @param path path of the request: {@code /calm} or {@code /calm/page/NAME}
   * @param known value of the header {@code If-None-Match}, empty if there is none
   */
  static void answer(String path, String known, ReplySink sink) {
    String[] segments = Route.segments(path);
    String name = segments.length < 4 ? INDEX : segments[3];
    PageFile file =
        Optional.ofNullable(FILES.get(name))
            .orElseThrow(
                () ->
                    new ApiException(
                        ApiException.Kind.UNKNOWN_PATH, "no such path: " + Printable.of(path)));
    boolean current = matches(known, file.tag());
    HttpResponseStatus status = current ? HttpResponseStatus.NOT_MODIFIED : HttpResponseStatus.OK;
    sink.full(status.code(), file.type(), headers(file), current ? new byte[0] : file.bytes());
  }

  /** Compares entity tags weakly, as RFC 9110 (13.1.2) requires for {@code If-None-Match}. */
  private static boolean matches(String known, String tag) {
    return Arrays.stream(known.split(",", -1))
        .map(String::strip)
        .map(one -> one.startsWith("W/") ? one.substring(2) : one)
        .anyMatch(one -> one.equals(tag) || one.equals("*"));
  }

  private static Map<String, String> headers(PageFile file) {
    return Map.of(
        "Content-Security-Policy",
        POLICY,
        "X-Content-Type-Options",
        "nosniff",
        "Referrer-Policy",
        "no-referrer",
        "Cache-Control",
        "no-cache",
        "ETag",
        file.tag());
  }

  private static PageFile read(String name) {
    try (InputStream in = PageFiles.class.getResourceAsStream("page/" + name)) {
      if (in == null) {
        throw new IllegalStateException("the jar lacks the file page/%s".formatted(name));
      }
      byte[] bytes = in.readAllBytes();
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
      String type = TYPES.getOrDefault(name.substring(name.indexOf('.') + 1), "text/plain");
      return new PageFile(type, "\"" + HexFormat.of().formatHex(hash, 0, 12) + "\"", bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
