package io.calm.artifact;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.TypeAdapter;
import com.google.gson.TypeAdapterFactory;
import com.google.gson.reflect.TypeToken;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import io.calm.model.RopeSpec;
import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Converts a rotary scaling to a JSON object whose {@code type} names its record. */
final class ScalingJson implements TypeAdapterFactory {
  private static final Map<String, Class<? extends RopeSpec.Scaling>> TYPES =
      Map.of(
          "none", RopeSpec.None.class,
          "linear", RopeSpec.Linear.class,
          "llama3", RopeSpec.Llama3.class,
          "yarn", RopeSpec.Yarn.class,
          "factors", RopeSpec.Factors.class);

  @Override
  @SuppressWarnings("unchecked") // T is a Scaling, as the raw type says
  public <T> @Nullable TypeAdapter<T> create(Gson gson, TypeToken<T> type) {
    return RopeSpec.Scaling.class.isAssignableFrom(type.getRawType())
        ? (TypeAdapter<T>) new Adapter(this, gson)
        : null;
  }

  private static final class Adapter extends TypeAdapter<RopeSpec.Scaling> {
    private final ScalingJson factory;
    private final Gson gson;

    Adapter(ScalingJson factory, Gson gson) {
      this.factory = factory;
      this.gson = gson;
    }

    @Override
    public void write(JsonWriter out, RopeSpec.Scaling scaling) throws IOException {
      JsonObject tree = new JsonObject();
      TYPES.forEach(
          (name, type) -> {
            if (type.isInstance(scaling)) {
              tree.addProperty("type", name);
              fields(scaling, type).asMap().forEach(tree::add);
            }
          });
      gson.getAdapter(JsonElement.class).write(out, tree);
    }

    private <T> JsonObject fields(Object scaling, Class<T> type) {
      return delegate(type).toJsonTree(type.cast(scaling)).getAsJsonObject();
    }

    private <T> TypeAdapter<T> delegate(Class<T> type) {
      return gson.getDelegateAdapter(factory, TypeToken.get(type));
    }

    @Override
    public RopeSpec.Scaling read(JsonReader in) throws IOException {
      JsonElement tree = gson.getAdapter(JsonElement.class).read(in);
      JsonElement name = tree.isJsonObject() ? tree.getAsJsonObject().get("type") : null;
      Class<? extends RopeSpec.Scaling> type = name == null ? null : TYPES.get(name.getAsString());
      if (type == null) {
        throw new JsonParseException(
            "rope scaling: expected a type of %s, got %s".formatted(TYPES.keySet(), name));
      }
      return delegate(type).fromJsonTree(tree);
    }
  }
}
