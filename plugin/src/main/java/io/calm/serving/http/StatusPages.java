package io.calm.serving.http;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.compare.LatencyJson;
import io.calm.compare.LatencyReport;
import io.calm.generate.RejectedException;
import io.calm.kernels.BuildInfo;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.ModelChoice;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ReplySink;
import io.calm.text.Urls;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Answers the routes about models and their status. */
final class StatusPages {
  private static final String JSON = "application/json";
  private static final int MAX_LISTED = 100;

  private StatusPages() {}

  static void answer(
      ModelRegistry registry,
      CalmMetrics metrics,
      Admission admission,
      Route.Match match,
      QueryStringDecoder query,
      String accept,
      ReplySink sink) {
    switch (match.route()) {
      case V1_MODELS -> json(200, v1Models(registry), sink);
      case V1_MODEL -> json(200, v1Model(listed(registry, match.model().orElseThrow())), sink);
      case PING, HEALTH -> ping(registry, sink);
      case CALM_READY -> ready(registry, admission, sink);
      case CALM_MODELS -> json(200, calmModels(registry), sink);
      case CALM_MODEL -> {
        String name = match.model().orElseThrow();
        json(200, ModelJson.full(name, ModelChoice.status(registry, name)), sink);
      }
      case LATENCY -> json(200, latency(listed(registry, match.model().orElseThrow())), sink);
      case PROBE_LATENCY -> {
        ModelStatus.Ready ready = answering(registry, match.model().orElseThrow());
        probe(ready);
        json(202, latency(ready.model()), sink);
      }
      case CALM_METRICS -> {
        String type = CalmMetrics.contentType(accept);
        sink.full(200, type, Map.of(), metrics.text(type).getBytes(StandardCharsets.UTF_8));
      }
      case MODELS -> json(200, djlModels(registry, query), sink);
      case MODEL -> {
        String name = match.model().orElseThrow();
        JsonArray workflows = new JsonArray();
        workflows.add(
            ModelJson.djl(name, ModelChoice.status(registry, name), registry.wasStartedWith(name)));
        json(200, workflows, sink);
      }
      default -> throw new IllegalArgumentException(match.route() + " is not a page");
    }
  }

  private static void json(int code, JsonElement body, ReplySink sink) {
    sink.full(code, JSON, Map.of(), (body + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private static JsonObject latency(ServedModel model) {
    JsonObject latency = LatencyJson.of(model.latency());
    latency.add("build", LatencyJson.build(BuildInfo.current()));
    latency.add("made_by", PlanView.madeBy(model.plan()));
    return latency;
  }

  private static void probe(ModelStatus.Ready ready) {
    String name = ready.model().name();
    try {
      ready.model().comparison().requestProbe();
    } catch (RejectedException e) {
      throw new ApiException(
          ApiException.Kind.NOT_READY,
          "model %s cannot be compared: %s; load it again to compare it"
              .formatted(name, e.getMessage()));
    } catch (IllegalStateException e) {
      boolean failed = ready.model().latency().twin().state() == LatencyReport.TwinState.FAILED;
      String remedy =
          ready.search().isPresent()
              ? "GET /calm/models/%s shows the search".formatted(Urls.segment(name))
              : failed
                  ? "load the model again"
                  : "set calm.baseline=auto or the name of an algorithm";
      throw new ApiException(
          ApiException.Kind.NO_BASELINE,
          "model %s cannot be compared: %s; %s".formatted(name, e.getMessage(), remedy));
    }
  }

  private static JsonObject v1Models(ModelRegistry registry) {
    JsonArray data = new JsonArray();
    for (ModelStatus status : registry.all().values()) {
      if (status instanceof ModelStatus.Ready ready && status.answers()) {
        data.add(v1Model(ready.model()));
      }
    }
    JsonObject body = new JsonObject();
    body.addProperty("object", "list");
    body.add("data", data);
    return body;
  }

  /** Returns a listed model, which is one that is ready. */
  private static ServedModel listed(ModelRegistry registry, String name) {
    return answering(registry, name).model();
  }

  private static ModelStatus.Ready answering(ModelRegistry registry, String name) {
    ModelStatus status = ModelChoice.status(registry, name);
    if (status instanceof ModelStatus.Ready ready && status.answers()) {
      return ready;
    }
    throw new ApiException(
        ApiException.Kind.UNKNOWN_MODEL,
        "model %s is not ready; GET /calm/models/%s shows why".formatted(name, Urls.segment(name)),
        Optional.of("model"));
  }

  private static JsonObject v1Model(ServedModel model) {
    JsonObject object = new JsonObject();
    object.addProperty("id", model.name());
    object.addProperty("object", "model");
    object.addProperty("created", model.created().getEpochSecond());
    object.addProperty("owned_by", "calm");
    object.addProperty("max_model_len", model.scheduler().settings().maxContext());
    return object;
  }

  /**
   * Returns DJL Serving's health page: 200 even while models load, 500 if a model failed to load.
   */
  private static void ping(ModelRegistry registry, ReplySink sink) {
    JsonObject body = new JsonObject();
    boolean failed = false;
    for (Map.Entry<String, ModelStatus> entry : registry.all().entrySet()) {
      failed |= ModelJson.hasFailed(entry.getValue());
      JsonObject status = new JsonObject();
      status.addProperty("status", ModelJson.djlStatus(entry.getValue()));
      body.add(entry.getKey(), status);
    }
    json(failed ? 500 : 200, body, sink);
  }

  private static void ready(ModelRegistry registry, Admission admission, ReplySink sink) {
    JsonObject models = new JsonObject();
    boolean ready = registry.allReady();
    for (Map.Entry<String, ModelStatus> entry : registry.all().entrySet()) {
      boolean starting = entry.getValue().answers() && !admission.isOpen(entry.getKey());
      ready &= !starting;
      models.addProperty(
          entry.getKey(), starting ? "starting" : ModelJson.calmStatus(entry.getValue()));
    }
    JsonObject body = new JsonObject();
    body.addProperty("ready", ready);
    body.add("models", models);
    json(ready ? 200 : 503, body, sink);
  }

  private static JsonObject calmModels(ModelRegistry registry) {
    JsonArray models = new JsonArray();
    registry.all().forEach((name, status) -> models.add(ModelJson.summary(name, status)));
    JsonObject body = new JsonObject();
    body.add("models", models);
    return body;
  }

  /**
   * Returns a page of at most 100 models, as in DJL Serving: {@code limit}, {@code
   * next_page_token}. A page has at least one model, so that following the tokens ends.
   */
  private static JsonObject djlModels(ModelRegistry registry, QueryStringDecoder query) {
    List<Map.Entry<String, ModelStatus>> all = List.copyOf(registry.all().entrySet());
    int limit = Math.min(MAX_LISTED, number(query, "limit", 1, MAX_LISTED));
    int from = Math.min(all.size(), number(query, "next_page_token", 0, 0));
    int to = Math.min(all.size(), from + limit);
    JsonArray models = new JsonArray();
    for (Map.Entry<String, ModelStatus> entry : all.subList(from, to)) {
      JsonObject model = new JsonObject();
      model.addProperty("modelName", entry.getKey());
      model.addProperty("modelUrl", entry.getValue().url());
      model.addProperty("status", ModelJson.djlListStatus(entry.getValue()));
      models.add(model);
    }
    JsonObject body = new JsonObject();
    if (to < all.size()) {
      body.addProperty("nextPageToken", Integer.toString(to));
    }
    body.add("models", models);
    return body;
  }

  private static int number(QueryStringDecoder query, String key, int min, int otherwise) {
    long value = new Parameters.OfQuery(query).whole(key).orElse((long) otherwise);
    if (value < min || value > Integer.MAX_VALUE) {
      throw ApiException.invalid(
          key, "expected %d to %d, got %d".formatted(min, Integer.MAX_VALUE, value));
    }
    return (int) value;
  }
}
