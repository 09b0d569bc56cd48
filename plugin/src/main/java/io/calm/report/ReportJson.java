package io.calm.report;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonNull;
import com.google.gson.JsonPrimitive;
import com.google.gson.JsonSerializer;
import java.util.Optional;

/**
 * Writes a report as JSON. Keys are the names of the records' components with underscores, empty
 * values and numbers that are not finite are null.
 */
public final class ReportJson {
  private static final JsonSerializer<Double> NUMBER =
      (value, type, context) ->
          Double.isFinite(value) ? new JsonPrimitive(value) : JsonNull.INSTANCE;

  private static final Gson GSON =
      new GsonBuilder()
          .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
          .setPrettyPrinting()
          .serializeNulls()
          .disableHtmlEscaping()
          .registerTypeAdapter(double.class, NUMBER)
          .registerTypeAdapter(Double.class, NUMBER)
          .registerTypeAdapter(
              Optional.class,
              (JsonSerializer<Optional<?>>)
                  (value, type, context) ->
                      value.map(content -> context.serialize(content)).orElse(JsonNull.INSTANCE))
          .create();

  private ReportJson() {}

  /** Returns the report as indented JSON that ends with a line feed. */
  public static String write(Report report) {
    return GSON.toJson(report) + "\n";
  }
}
