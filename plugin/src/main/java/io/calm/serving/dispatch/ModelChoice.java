package io.calm.serving.dispatch;

import com.google.gson.JsonObject;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.JsonFields;
import io.calm.text.Printable;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Which model answers a request. */
public final class ModelChoice {
  private ModelChoice() {}

  /**
   * Returns a model that answers.
   *
   * @throws ApiException if there is none of that name, or it is not ready
   */
  public static ServedModel ready(ModelRegistry registry, String name) {
    ModelStatus status =
        registry
            .status(name)
            .orElseThrow(
                () ->
                    new ApiException(
                        ApiException.Kind.UNKNOWN_MODEL,
                        "model %s does not exist; there is %s"
                            .formatted(Printable.of(name), registry.all().keySet()),
                        Optional.of("model")));
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
            .formatted(name, URLEncoder.encode(name, StandardCharsets.UTF_8)));
  }

  /**
   * Returns the name of the model that a body without a model in its URL means: the URL's query or
   * header where it has one, then the body's {@code keys}, then the only model there is.
   */
  public static String name(
      ModelRegistry registry, Optional<String> outside, JsonObject body, String... keys) {
    if (outside.isPresent()) {
      return outside.get();
    }
    JsonFields fields = new JsonFields(body);
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
