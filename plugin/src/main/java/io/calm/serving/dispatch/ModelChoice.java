package io.calm.serving.dispatch;

import com.google.gson.JsonObject;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.RequestFields;
import io.calm.text.Printable;
import io.calm.text.Urls;
import java.util.Optional;

/** Selects the model that answers a request. */
public final class ModelChoice {
  private ModelChoice() {}

  /**
   * Returns the status of the model of a name.
   *
   * @throws ApiException if there is no model of that name
   */
  public static ModelStatus status(ModelRegistry registry, String name) {
    return registry
        .status(name)
        .orElseThrow(
            () ->
                new ApiException(
                    ApiException.Kind.UNKNOWN_MODEL,
                    "model '%s' does not exist; there is %s"
                        .formatted(Printable.of(name), registry.all().keySet()),
                    Optional.of("model")));
  }

  /**
   * Returns the ready model of a name.
   *
   * @throws ApiException if there is no model of that name, or it is not ready
   */
  public static ServedModel ready(ModelRegistry registry, String name) {
    ModelStatus status = status(registry, name);
    if (status instanceof ModelStatus.Ready ready) {
      return ready.model();
    }
    if (status instanceof ModelStatus.Failed failed) {
      throw new ApiException(
          ApiException.Kind.NOT_READY,
          "model %s could not be loaded: %s".formatted(name, failed.reason()));
    }
    throw new ApiException(
        ApiException.Kind.NOT_READY,
        "model %s is still loading; GET /calm/models/%s shows its progress"
            .formatted(name, Urls.segment(name)));
  }

  /**
   * Returns the name of the requested model if the path has none: from the query or header, then
   * from the body's {@code keys}, then the only registered model.
   */
  public static String name(
      ModelRegistry registry, Optional<String> outside, JsonObject body, String... keys) {
    if (outside.isPresent()) {
      return outside.get();
    }
    RequestFields fields = new RequestFields(body);
    for (String key : keys) {
      Optional<String> name = fields.string(key);
      if (name.isPresent()) {
        return name.get();
      }
    }
    return registry
        .onlyName()
        .orElseThrow(
            () ->
                ApiException.invalid(
                    keys[0],
                    "expected the name of a model, got nothing; there is "
                        + registry.all().keySet()));
  }
}
