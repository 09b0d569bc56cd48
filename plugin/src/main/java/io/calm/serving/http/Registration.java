package io.calm.serving.http;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.serving.load.LocalModels;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.JsonBody;
import io.calm.text.Printable;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A request to load a model, with DJL Serving's parameters: of the query, or of a JSON body.
 *
 * @param url a local path or a {@code file:} URL
 * @param name as in URLs
 * @param synchronous whether the answer waits for the load
 * @param overrides properties that win over the model's own
 */
record Registration(String url, String name, boolean synchronous, Map<String, String> overrides) {
  private static final Logger logger = LoggerFactory.getLogger(Registration.class);

  /** Parts with a slash between them; a part of dots alone would be a step in a path. */
  private static final Pattern NAME =
      Pattern.compile("(?=.{1,128}$)PART(/PART)*".replace("PART", "(?!\\.+(/|$))[A-Za-z0-9_.:-]+"));

  /** Numbers for DJL Serving's own batching and workers, of which a CALM model has none. */
  private static final List<String> WITHOUT_EFFECT =
      List.of("batch_size", "max_batch_delay", "max_idle_time", "min_worker", "max_worker");

  Registration {
    overrides = Map.copyOf(overrides);
  }

  /**
   * Reads a request.
   *
   * @param json whether the body is JSON, and the query does not count unless the body is empty
   * @throws ApiException naming the parameter that cannot be used
   */
  static Registration read(QueryStringDecoder query, boolean json, byte[] body) {
    if (!json || body.length == 0) {
      return of(key -> given(query, key));
    }
    JsonObject object = JsonBody.parse(body);
    return of(key -> member(object, key));
  }

  private static Registration of(Function<String, Optional<String>> given) {
    Function<String, Optional<String>> parameters =
        key -> given.apply(key).filter(value -> !value.isEmpty());
    String url =
        parameters
            .apply("url")
            .orElseThrow(() -> ApiException.invalid("url", "Parameter url is required."));
    // An empty name is an error: a default would hide an unset variable of a script.
    String name = given.apply("model_name").orElseGet(() -> LocalModels.name(url));
    if (!NAME.matcher(name).matches()) {
      throw ApiException.invalid(
          "model_name",
          ("expected 1 to 128 letters, digits and _ . : -, in parts with / between them, none of"
                  + " them only dots, got '%s'")
              .formatted(Printable.of(name)));
    }
    parameters
        .apply("engine")
        .filter(engine -> !engine.equalsIgnoreCase("CALM"))
        .ifPresent(
            engine -> {
              throw ApiException.invalid(
                  "engine",
                  "expected CALM, the only engine of this server, got " + Printable.of(engine));
            });
    parameters
        .apply("model_version")
        .ifPresent(
            version -> {
              throw ApiException.invalid(
                  "model_version",
                  ("expected none, got %s: this server has one version of a model; give it a"
                          + " name of its own")
                      .formatted(Printable.of(version)));
            });
    for (String key : WITHOUT_EFFECT) {
      whole(parameters, key)
          .filter(value -> value >= 0)
          .ifPresent(
              value ->
                  logger.info(
                      "{}: {}={} has no effect: one worker batches token by token",
                      name,
                      key,
                      value));
    }
    Map<String, String> overrides = new HashMap<>();
    whole(parameters, "job_queue_size")
        .filter(size -> size >= 0)
        .ifPresent(size -> overrides.put("job_queue_size", Long.toString(size)));
    boolean synchronous = parameters.apply("synchronous").map(Boolean::parseBoolean).orElse(true);
    return new Registration(url, name, synchronous, overrides);
  }

  /** Returns a parameter; an empty one is an absent one, as in DJL Serving. */
  static Optional<String> parameter(QueryStringDecoder query, String key) {
    return given(query, key).filter(value -> !value.isEmpty());
  }

  private static Optional<String> given(QueryStringDecoder query, String key) {
    return query.parameters().getOrDefault(key, List.of()).stream().findFirst();
  }

  /** Returns a parameter that is a whole number. */
  static Optional<Long> whole(Function<String, Optional<String>> parameters, String key) {
    return parameters
        .apply(key)
        .map(
            text -> {
              try {
                return Long.parseLong(text);
              } catch (NumberFormatException e) {
                throw ApiException.invalid(
                    key, "expected a whole number, got '%s'".formatted(Printable.of(text)));
              }
            });
  }

  private static Optional<String> member(JsonObject object, String key) {
    JsonElement value = object.get(key);
    if (value == null || value.isJsonNull()) {
      return Optional.empty();
    }
    if (!value.isJsonPrimitive()) {
      throw ApiException.invalid(key, "expected a string, a number or a boolean");
    }
    return Optional.of(value.getAsString());
  }
}
