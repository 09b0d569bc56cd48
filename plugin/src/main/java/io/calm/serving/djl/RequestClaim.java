package io.calm.serving.djl;

import io.calm.serving.http.Route;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.reply.JsonBody;
import io.calm.text.Urls;
import io.netty.buffer.ByteBufUtil;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Selects the requests that the plugin answers itself: {@code /calm}, {@code /v1}, and the
 * inference paths of its own models. All others go on to DJL Serving's own handlers, and so do
 * answers that are fetched later ({@code x-synchronous: false}, {@code x-starting-token}).
 *
 * <p>A model is named as in DJL Serving: in the path, by the parameter or header {@code
 * model_name}, or by the body's {@code model_name} ({@code model} under {@code /v1}); otherwise it
 * is the model that the server was started with. The version comes from the path, or from the
 * parameter or header {@code model_version}; without one, the versions of a name take turns.
 */
final class RequestClaim {
  private static final String MODEL = "model_name";
  private static final String VERSION = "model_version";

  private final ModelRegistry ours;
  private final DjlServer server;

  RequestClaim(ModelRegistry ours, DjlServer server) {
    this.ours = ours;
    this.server = server;
  }

  /** The target of a claimed request. */
  private sealed interface Target {

    /** A page of the plugin, or a path that names no model. */
    record Page(String path) implements Target {}

    /** A generation by a model. */
    record Inference(String name, Optional<String> version) implements Target {}
  }

  /** Returns whether the plugin answers the request. */
  boolean claims(FullHttpRequest request) {
    return claim(request).isPresent();
  }

  /**
   * Returns the path to answer under, with the model's name in the registry; empty if the request
   * is not ours. Each call advances the turn of the name's versions.
   */
  Optional<String> path(FullHttpRequest request) {
    return claim(request)
        .map(
            claim -> {
              if (claim instanceof Target.Inference inference) {
                return "/predictions/" + Urls.segment(turn(inference));
              }
              return ((Target.Page) claim).path();
            });
  }

  private String turn(Target.Inference inference) {
    return inference
        .version()
        .map(version -> ModelName.of(inference.name(), version))
        .or(() -> server.next(inference.name()))
        .orElse(inference.name());
  }

  private Optional<Target> claim(FullHttpRequest request) {
    HttpHeaders headers = request.headers();
    if (headers.contains("x-starting-token")
        || !Boolean.parseBoolean(headers.get("x-synchronous", "true"))) {
      return Optional.empty();
    }
    QueryStringDecoder decoder = new QueryStringDecoder(request.uri());
    String path = withoutSlashAtEnd(decoder.rawPath());
    List<String> segments = segments(path);
    return switch (segments.isEmpty() ? "" : segments.get(0)) {
      case "calm" -> Optional.of(new Target.Page(path));
      case "predictions" -> predictions(segments);
      case "models" ->
          segments.size() == 3 && segments.get(2).equals("invoke") && isWellFormed(decoder)
              ? inference(segments.get(1), outside(decoder, headers, VERSION))
              : Optional.empty();
      case "invocations" ->
          segments.size() == 1 && isWellFormed(decoder)
              ? target(request, decoder, MODEL)
                  .flatMap(name -> inference(name, outside(decoder, headers, VERSION)))
              : Optional.empty();
      case "v1" ->
          !path.equals("/v1/chat/completions") || chat(request, decoder)
              ? Optional.of(new Target.Page(path))
              : Optional.empty();
      default -> Optional.empty();
    };
  }

  /** Splits a path and decodes its segments; a model's name may contain a slash as {@code %2F}. */
  private static List<String> segments(String path) {
    try {
      List<String> all = List.of(Route.segments(path));
      return all.subList(Math.min(1, all.size()), all.size());
    } catch (IllegalArgumentException e) { // a bad %-escape: DJL Serving says so
      return List.of();
    }
  }

  private static String withoutSlashAtEnd(String path) {
    return path.length() > 1 && path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
  }

  private Optional<Target> predictions(List<String> segments) {
    return switch (segments.size()) {
      case 2 -> inference(segments.get(1), Optional.empty());
      case 3 -> inference(segments.get(1), Optional.of(segments.get(2)));
      default -> Optional.empty();
    };
  }

  private Optional<Target> inference(String name, Optional<String> version) {
    boolean known =
        version
            .map(v -> ours.status(ModelName.of(name, v)).isPresent())
            .orElseGet(() -> isOurs(name));
    return known ? Optional.of(new Target.Inference(name, version)) : Optional.empty();
  }

  /** Returns whether all versions of a name are ours, since DJL Serving chooses among them. */
  private boolean isOurs(String name) {
    List<String> versions = server.versions(name);
    return !versions.isEmpty()
        && versions.stream().allMatch(version -> ours.status(version).isPresent());
  }

  private boolean chat(FullHttpRequest request, QueryStringDecoder decoder) {
    return onlyOurs()
        || (isWellFormed(decoder)
            && target(request, decoder, "model")
                .filter(name -> ours.status(name).isPresent())
                .isPresent());
  }

  /** Returns whether the query can be decoded. If it cannot, its model is not known. */
  private static boolean isWellFormed(QueryStringDecoder decoder) {
    try {
      decoder.parameters();
      return true;
    } catch (IllegalArgumentException e) { // a bad %-escape: DJL Serving says so
      return false;
    }
  }

  private boolean onlyOurs() {
    Set<String> names = server.names();
    return !names.isEmpty() && names.stream().allMatch(name -> ours.status(name).isPresent());
  }

  private Optional<String> target(
      FullHttpRequest request, QueryStringDecoder decoder, String member) {
    return outside(decoder, request.headers(), MODEL)
        .or(() -> member(request, member))
        .or(server::startup)
        .or(ours::onlyName);
  }

  private static Optional<String> outside(
      QueryStringDecoder decoder, HttpHeaders headers, String name) {
    return decoder.parameters().getOrDefault(name, List.of()).stream()
        .filter(value -> !value.isEmpty())
        .findFirst()
        .or(() -> Optional.ofNullable(headers.get(name)));
  }

  private static Optional<String> member(FullHttpRequest request, String name) {
    return JsonBody.member(ByteBufUtil.getBytes(request.content()), name);
  }
}
