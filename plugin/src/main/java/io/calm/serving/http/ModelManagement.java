package io.calm.serving.http;

import com.google.gson.JsonObject;
import io.calm.serving.load.LoadErrors;
import io.calm.serving.load.LocalModels;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.load.ModelLoads;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ErrorBody;
import io.calm.serving.reply.Errors;
import io.calm.serving.reply.ReplySink;
import io.calm.text.Printable;
import io.calm.text.Urls;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Loads, scales and unloads models at run time, with DJL Serving's requests, answers and statuses.
 * It reads files, so it must not run on an event loop. Thread safe.
 */
public final class ModelManagement {
  private final ModelRegistry registry;
  private final LocalModels models;
  private final ModelLoads loads;

  public ModelManagement(ModelRegistry registry, LocalModels models, ModelLoads loads) {
    this.registry = registry;
    this.models = models;
    this.loads = loads;
  }

  /**
   * Registers a model. Answers when it is loaded, or immediately if the client does not wait. A
   * load that fails while the client waits is forgotten; otherwise its error is kept.
   */
  void register(QueryStringDecoder query, boolean json, byte[] body, ReplySink sink) {
    Registration registration = Registration.read(query, json, body);
    ModelLoads.OnFailure onFailure =
        registration.synchronous() ? ModelLoads.OnFailure.FORGET : ModelLoads.OnFailure.KEEP;
    var load = loads.start(find(registration), onFailure, moment -> {});
    if (!registration.synchronous()) {
      status(202, "Model \"%s\" registration scheduled.".formatted(registration.name()), sink);
      return;
    }
    CompletableFuture<ServedModel> unused =
        load.whenComplete(
            (model, failure) -> {
              if (failure == null) {
                status(200, "Model \"%s\" registered.".formatted(registration.name()), sink);
              } else {
                Errors.send(LoadErrors.of(cause(failure)), ErrorBody.DJL, sink);
              }
            });
  }

  private ModelLoader.Order find(Registration registration) {
    try {
      return models.find(registration.name(), registration.url(), registration.overrides());
    } catch (IOException | IllegalArgumentException e) {
      throw LoadErrors.of(e);
    }
  }

  private static Throwable cause(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }

  /** Answers that the model has one worker. The number never changes. */
  void scale(String name, QueryStringDecoder query, ReplySink sink) {
    Parameters parameters = new Parameters.OfQuery(query);
    Optional<Long> min = parameters.whole("min_worker");
    Optional<Long> max = parameters.whole("max_worker");
    ModelStatus status = registry.status(name).orElseThrow(() -> unknown(name));
    if (!status.answers()) {
      throw new ApiException(
          ApiException.Kind.NOT_READY, "Model or workflow is not ready: " + name);
    }
    max.filter(workers -> workers == 0)
        .ifPresent(
            none -> {
              throw ApiException.invalid(
                  "max_worker",
                  ("expected 1, got 0: a model that answers has one worker;"
                          + " DELETE /models/%s frees its memory")
                      .formatted(Urls.segment(name)));
            });
    boolean asked = min.filter(n -> n > 1).isPresent() || max.filter(n -> n > 1).isPresent();
    status(
        200,
        "Workflow \"%s\" worker scaled. New Worker configuration min workers:1 max workers:1"
                .formatted(name)
            + (asked
                ? " (a model has one worker, which batches all requests token by token;"
                    + " calm.max-running limits how many run at once)"
                : ""),
        sink);
  }

  /** Unregisters a model. Its memory is freed when its requests in flight have ended. */
  void unregister(String name, ReplySink sink) {
    if (!registry.remove(name)) {
      throw unknown(name);
    }
    status(200, "Model or workflow \"%s\" unregistered".formatted(name), sink);
  }

  private static ApiException unknown(String name) {
    return new ApiException(
        ApiException.Kind.UNKNOWN_MODEL, "Model or workflow not found: " + Printable.of(name));
  }

  private static void status(int code, String text, ReplySink sink) {
    JsonObject body = new JsonObject();
    body.addProperty("status", text);
    sink.full(code, "application/json", Map.of(), (body + "\n").getBytes(StandardCharsets.UTF_8));
  }
}
