package io.calm.serving.reply;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;

/** The two shapes of an error. */
public enum ErrorBody {
  /** {@code {"code", "type", "message", "error"}}: DJL Serving's own, and LMI's key beside it. */
  DJL {
    @Override
    public JsonObject of(ApiException e) {
      JsonObject body = new JsonObject();
      body.addProperty("code", e.kind().status());
      body.addProperty("type", e.kind().code());
      body.addProperty("message", e.getMessage());
      body.addProperty("error", e.getMessage());
      return body;
    }
  },

  /** {@code {"error": {"message", "type", "param", "code"}}}: OpenAI's. */
  OPENAI {
    @Override
    public JsonObject of(ApiException e) {
      JsonObject error = new JsonObject();
      error.addProperty("message", e.getMessage());
      error.addProperty("type", e.kind().type());
      error.add(
          "param", e.parameter().<JsonElement>map(JsonPrimitive::new).orElse(JsonNull.INSTANCE));
      error.addProperty("code", e.kind().code());
      JsonObject body = new JsonObject();
      body.add("error", error);
      return body;
    }
  };

  public abstract JsonObject of(ApiException e);
}
