package io.calm.cli.eval;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonPrimitive;

/** Numbers in JSON, which has neither NaN nor infinity. */
public final class JsonNumber {
  private JsonNumber() {}

  /** Returns a number; null if it is not finite. */
  public static JsonElement of(double value) {
    return Double.isFinite(value) ? new JsonPrimitive(value) : JsonNull.INSTANCE;
  }
}
