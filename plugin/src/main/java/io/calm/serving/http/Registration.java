package io.calm.serving.http;

import io.calm.serving.load.LocalModels;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.JsonBody;
import io.calm.serving.reply.RequestFields;
import io.calm.text.Printable;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A request to load a model, with DJL Serving's parameters from the query or from a JSON body.
 *
 * @param url a local path or a {@code file:} URL
 * @param name the model's name in URLs
 * @param synchronous whether the answer waits for the load
 * @param overrides properties that take precedence over the model's own
 */
record Registration(String url, String name, boolean synchronous, Map<String, String> overrides) {
  private static final Logger logger = LoggerFactory.getLogger(Registration.class);

  /**
   * Segments separated by slashes. A segment of dots alone is refused because it would be a step in
   * a path.
   */
  private static final Pattern NAME =
      Pattern.compile("(?=.{1,128}$)PART(/PART)*".replace("PART", "(?!\\.+(/|$))[A-Za-z0-9_.:-]+"));

  /** Parameters of DJL Serving's own batching and workers, which do not apply to a CALM model. */
  private static final List<String> WITHOUT_EFFECT =
      List.of("batch_size", "max_batch_delay", "max_idle_time", "min_worker", "max_worker");

  /** Value of a number that DJL Serving's clients send for its default. */
  private static final long NOT_GIVEN = -1;

  /** Maximum length of a URL; a path of a file cannot be longer. */
  private static final int MAX_URL = 4096;

  Registration {
    overrides = Map.copyOf(overrides);
  }

  /**
   * Reads a request.
   *
   * @param json whether the body is JSON; the query then counts only if the body is empty
   * @throws ApiException naming the invalid parameter
   */
  static Registration read(QueryStringDecoder query, boolean json, byte[] body) {
    return of(
        json && body.length > 0
            ? new Parameters.OfBody(new RequestFields(JsonBody.parse(body)))
            : new Parameters.OfQuery(query));
  }

  private static Registration of(Parameters parameters) {
    String url =
        parameters
            .text("url")
            .orElseThrow(() -> ApiException.invalid("url", "Parameter url is required."));
    if (url.length() > MAX_URL) {
      throw ApiException.invalid(
          "url", "expected at most %d characters, got %d".formatted(MAX_URL, url.length()));
    }
    // An empty name is an error: a default would hide an unset variable of a script.
    String name = parameters.given("model_name").orElseGet(() -> LocalModels.name(url));
    if (!NAME.matcher(name).matches()) {
      throw ApiException.invalid(
          "model_name",
          ("expected 1 to 128 letters, digits and _ . : -, in parts with / between them, none of"
                  + " them only dots, got '%s'")
              .formatted(Printable.of(name)));
    }
    parameters
        .text("engine")
        .filter(engine -> !engine.equalsIgnoreCase("CALM"))
        .ifPresent(
            engine -> {
              throw ApiException.invalid(
                  "engine",
                  "expected CALM, the only engine of this server, got " + Printable.of(engine));
            });
    parameters
        .text("model_version")
        .ifPresent(
            version -> {
              throw ApiException.invalid(
                  "model_version",
                  ("expected none, got %s: this server has one version of a model; give it a"
                          + " name of its own")
                      .formatted(Printable.of(version)));
            });
    logWithoutEffect(name, parameters);
    return new Registration(
        url, name, parameters.flag("synchronous").orElse(true), overrides(parameters));
  }

  private static void logWithoutEffect(String name, Parameters parameters) {
    for (String key : WITHOUT_EFFECT) {
      parameters
          .whole(key)
          .filter(value -> value >= 0)
          .ifPresent(
              value ->
                  logger.info(
                      "{}: {}={} has no effect: one worker batches token by token",
                      name,
                      key,
                      value));
    }
  }

  /** Returns the settings among the parameters. Reading the model's properties validates them. */
  private static Map<String, String> overrides(Parameters parameters) {
    Map<String, String> overrides = new HashMap<>();
    parameters
        .whole("job_queue_size")
        .filter(size -> size != NOT_GIVEN)
        .ifPresent(size -> overrides.put("job_queue_size", Long.toString(size)));
    for (String key : parameters.names()) {
      if (LocalModels.isSetting(key)) {
        parameters.setting(key).ifPresent(value -> overrides.put(key, value));
      }
    }
    return overrides;
  }
}
