package io.calm.serving.reply;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Reads JSON objects from strings of a body. All strings together have the limits of a body: {@link
 * JsonBody#MAX_VALUES} values and keys, whether they are JSON or not. Not thread safe.
 */
public final class EmbeddedJson {
  private final ByteBudget.Charge charge;
  private int values;

  /**
   * Creates a reader of no string yet.
   *
   * @param charge grows by the estimated size of the objects; the caller closes it when they are no
   *     longer needed
   */
  public EmbeddedJson(ByteBudget.Charge charge) {
    this.charge = charge;
  }

  /**
   * Reads a string as strictly as a body.
   *
   * @param key path of the string, for error messages
   * @return empty if the string is not a JSON object
   * @throws ApiException if the string exceeds a limit
   */
  public Optional<JsonObject> object(String key, String text) {
    if (!text.stripLeading().startsWith("{")) {
      return Optional.empty();
    }
    BodyParser parser = new BodyParser(text.getBytes(StandardCharsets.UTF_8), charge, values);
    try {
      JsonElement element = parser.document();
      return Optional.of(element.getAsJsonObject());
    } catch (ApiException e) {
      return switch (e.kind()) {
        case INVALID -> Optional.empty();
        case BODY_TOO_COMPLEX ->
            throw ApiException.invalid(
                key,
                ("expected JSON of at most %d levels, and %d values and keys in all such strings,"
                        + " got more")
                    .formatted(JsonBody.MAX_LEVELS, JsonBody.MAX_VALUES));
        default -> throw e;
      };
    } finally {
      values = parser.values();
    }
  }
}
