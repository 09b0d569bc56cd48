package io.calm.serving.djl;

import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.calm.serving.ModelRegistry;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which requests the plugin answers itself: {@code /calm}, {@code /v1}, and the inference paths of
 * its own models. The others go on to DJL Serving's own handlers.
 *
 * <p>A model is named as DJL Serving has it: in the path, by the parameter or header {@code
 * model_name}, by the body's {@code model_name} (by {@code model} under {@code /v1}), else it is
 * the one that the server was started with. A version in the path is DJL Serving's business.
 */
final class RequestClaim {
  private final ModelRegistry ours;
  private final DjlModels all;

  RequestClaim(ModelRegistry ours, DjlModels all) {
    this.ours = ours;
    this.all = all;
  }

  /** Returns the path to answer under; empty where the request is not ours. */
  Optional<String> path(FullHttpRequest request) {
    QueryStringDecoder decoder = new QueryStringDecoder(request.uri());
    String path = withoutSlashAtEnd(decoder.path());
    List<String> segments = List.of(path.substring(Math.min(1, path.length())).split("/", -1));
    boolean claimed =
        switch (segments.get(0)) {
          case "calm" -> true;
          case "predictions" -> segments.size() == 2 && known(segments.get(1));
          case "models" ->
              segments.size() == 3 && segments.get(2).equals("invoke") && known(segments.get(1));
          case "v1" -> !path.equals("/v1/chat/completions") || chat(request, decoder);
          default -> false;
        };
    if (path.equals("/invocations")) {
      return target(request, decoder, "model_name").map(name -> "/predictions/" + name);
    }
    return claimed ? Optional.of(path) : Optional.empty();
  }

  private static String withoutSlashAtEnd(String path) {
    return path.length() > 1 && path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
  }

  private boolean known(String name) {
    return ours.status(name).isPresent();
  }

  private boolean chat(FullHttpRequest request, QueryStringDecoder decoder) {
    return onlyOurs() || target(request, decoder, "model").isPresent();
  }

  private boolean onlyOurs() {
    Set<String> names = all.names();
    return !names.isEmpty() && names.stream().allMatch(this::known);
  }

  private Optional<String> target(
      FullHttpRequest request, QueryStringDecoder decoder, String member) {
    return decoder.parameters().getOrDefault("model_name", List.of()).stream()
        .filter(name -> !name.isEmpty())
        .findFirst()
        .or(() -> Optional.ofNullable(request.headers().get("model_name")))
        .or(() -> member(request, member))
        .or(all::startup)
        .or(ours::onlyName)
        .filter(this::known);
  }

  private static Optional<String> member(FullHttpRequest request, String name) {
    String body = request.content().toString(StandardCharsets.UTF_8);
    if (!body.contains('"' + name + '"')) {
      return Optional.empty();
    }
    try {
      JsonElement parsed = JsonParser.parseString(body);
      return Optional.of(parsed)
          .filter(JsonElement::isJsonObject)
          .map(object -> object.getAsJsonObject().get(name))
          .filter(value -> value.isJsonPrimitive())
          .map(JsonElement::getAsString);
    } catch (JsonParseException notJson) {
      return Optional.empty();
    }
  }
}
