package io.calm.serving.http;

import io.calm.report.Report;
import io.calm.report.ReportHtml;
import io.calm.report.ReportJson;
import io.calm.report.ReportSource;
import io.calm.serving.dispatch.ModelChoice;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ReplySink;
import io.calm.text.Printable;
import io.calm.text.Urls;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Answers {@code GET /calm/models/{m}/report}. Reads files, so it must not run on an event loop.
 */
final class ReportPage {
  private static final Map<String, String> HEADERS =
      Map.of(
          "Content-Security-Policy",
          ReportHtml.POLICY,
          "X-Content-Type-Options",
          "nosniff",
          "Referrer-Policy",
          "no-referrer",
          "Cache-Control",
          "no-store",
          "Vary",
          "Accept");

  private ReportPage() {}

  static void answer(
      ModelRegistry registry,
      Route.Match match,
      QueryStringDecoder query,
      String accept,
      ReplySink sink) {
    String name = match.model().orElseThrow();
    boolean json = isJson(query, accept);
    Report report = source(name, ModelChoice.status(registry, name)).report();
    String type = json ? "application/json" : "text/html; charset=utf-8";
    String body = json ? ReportJson.write(report) : ReportHtml.write(report);
    sink.full(200, type, HEADERS, body.getBytes(StandardCharsets.UTF_8));
  }

  private static ReportSource source(String name, ModelStatus status) {
    if (!(status instanceof ModelStatus.Ready ready)) {
      throw new ApiException(
          ApiException.Kind.NOT_READY,
          "model %s has no report before it is ready; GET /calm/models/%s shows its state"
              .formatted(Printable.of(name), Printable.of(Urls.segment(name))));
    }
    return ready.model().source();
  }

  /** Returns whether JSON is wanted: by {@code format}, else by the header {@code Accept}. */
  private static boolean isJson(QueryStringDecoder query, String accept) {
    Optional<String> format = Query.first(query, "format");
    if (format.isPresent()) {
      return switch (format.get()) {
        case "json" -> true;
        case "html" -> false;
        default ->
            throw ApiException.invalid(
                "format", "expected html or json, got " + Printable.of(format.get()));
      };
    }
    String wanted = accept.toLowerCase(Locale.ROOT);
    return wanted.contains("application/json") && !wanted.contains("text/html");
  }
}
