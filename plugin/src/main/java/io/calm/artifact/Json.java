package io.calm.artifact;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.TypeAdapter;
import com.google.gson.TypeAdapterFactory;
import com.google.gson.reflect.TypeToken;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import io.calm.cka.Metric;
import io.calm.tensor.TableFormat;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Converts the records of this package to JSON and back: exact, complete and diffable. Numbers that
 * JSON does not have are strings ({@code "NaN"}), an empty Optional is null, and a record with a
 * missing field is refused.
 */
final class Json {
  private static final Gson LINE = new GsonBuilder().disableHtmlEscaping().create();

  private static final Gson GSON =
      new GsonBuilder()
          .disableHtmlEscaping()
          .serializeNulls()
          .setPrettyPrinting()
          .registerTypeAdapterFactory(new CompleteRecords())
          .registerTypeAdapterFactory(new Optionals())
          .registerTypeAdapterFactory(new ScalingJson())
          .registerTypeAdapter(double.class, new DoubleJson())
          .registerTypeAdapter(Double.class, new DoubleJson())
          .registerTypeAdapter(
              TableFormat.class, new SettingJson<>(TableFormat.values(), TableFormat::setting))
          .registerTypeAdapter(Metric.class, new SettingJson<>(Metric.values(), Metric::setting))
          .registerTypeAdapter(Section.class, new OnOneLine<>(TypeToken.get(Section.class)))
          .registerTypeAdapter(
              new TypeToken<List<Integer>>() {}.getType(),
              new OnOneLine<>(new TypeToken<List<Integer>>() {}))
          .create();

  /** Optional components that files of earlier versions lack: they read as empty. */
  private static final Set<String> ADDED = Set.of("BlockChoice.parts", "QuantPlan.madeBy");

  private Json() {}

  static String write(Object value) {
    return GSON.toJson(value) + "\n";
  }

  /**
   * Reads the text that {@link #write} wrote.
   *
   * @throws JsonParseException if {@code text} is anything else
   */
  static <T> T read(String text, Class<T> type) {
    return read(JsonParser.parseString(text), type);
  }

  /** Reads a value from a JSON tree. */
  static <T> T read(JsonElement tree, Class<T> type) {
    T value;
    try {
      value = GSON.fromJson(tree, type);
    } catch (RuntimeException e) {
      throw new JsonParseException(type.getSimpleName() + ": " + e.getMessage(), e);
    }
    if (value == null) {
      throw new JsonParseException(type.getSimpleName() + ": expected an object, got nothing");
    }
    return value;
  }

  /** Writes a value without line breaks inside. */
  private static final class OnOneLine<T> extends TypeAdapter<T> {
    private final TypeAdapter<T> plain;

    OnOneLine(TypeToken<T> type) {
      this.plain = LINE.getAdapter(type);
    }

    @Override
    public void write(JsonWriter out, T value) throws IOException {
      out.jsonValue(plain.toJson(value));
    }

    @Override
    public T read(JsonReader in) throws IOException {
      return plain.read(in);
    }
  }

  /** Writes an enum as its setting. An unknown setting reads as null, as Gson's own enums do. */
  private static final class SettingJson<E> extends TypeAdapter<@Nullable E> {
    private final Map<String, E> values;
    private final Function<E, String> setting;

    SettingJson(E[] values, Function<E, String> setting) {
      this.values = Arrays.stream(values).collect(Collectors.toMap(setting, Function.identity()));
      this.setting = setting;
    }

    @Override
    public void write(JsonWriter out, @Nullable E value) throws IOException {
      out.value(value == null ? null : setting.apply(value));
    }

    @Override
    public @Nullable E read(JsonReader in) throws IOException {
      return values.get(in.nextString());
    }
  }

  private static final class DoubleJson extends TypeAdapter<Double> {
    @Override
    public void write(JsonWriter out, Double value) throws IOException {
      if (Double.isFinite(value)) {
        out.value(value);
      } else {
        out.value(value.toString());
      }
    }

    @Override
    public Double read(JsonReader in) throws IOException {
      return in.peek() == JsonToken.STRING
          ? Double.valueOf(in.nextString())
          : Double.valueOf(in.nextDouble());
    }
  }

  /** Refuses JSON objects that lack a component of their record. */
  private static final class CompleteRecords implements TypeAdapterFactory {
    @Override
    public <T> @Nullable TypeAdapter<T> create(Gson gson, TypeToken<T> type) {
      RecordComponent[] components = type.getRawType().getRecordComponents();
      if (components == null) {
        return null;
      }
      TypeAdapter<T> delegate = gson.getDelegateAdapter(this, type);
      TypeAdapter<JsonElement> trees = gson.getAdapter(JsonElement.class);
      return new TypeAdapter<T>() {
        @Override
        public void write(JsonWriter out, T value) throws IOException {
          delegate.write(out, value);
        }

        @Override
        public T read(JsonReader in) throws IOException {
          JsonElement tree = trees.read(in);
          for (RecordComponent component : components) {
            if (tree.isJsonObject()
                && ADDED.contains(type.getRawType().getSimpleName() + "." + component.getName())
                && !tree.getAsJsonObject().has(component.getName())) {
              tree.getAsJsonObject().add(component.getName(), JsonNull.INSTANCE);
            }
            if (!tree.isJsonObject() || !tree.getAsJsonObject().has(component.getName())) {
              throw new JsonParseException(
                  "%s: no \"%s\""
                      .formatted(type.getRawType().getSimpleName(), component.getName()));
            }
          }
          T value = delegate.fromJsonTree(tree);
          for (RecordComponent component : components) {
            requireValue(component, value);
          }
          return value;
        }
      };
    }
  }

  /** An enum's unknown name reads as null. */
  private static void requireValue(RecordComponent component, Object value) {
    try {
      Method accessor = component.getAccessor();
      accessor.setAccessible(true);
      if (accessor.invoke(value) == null) {
        throw new JsonParseException("no value for \"%s\"".formatted(component.getName()));
      }
    } catch (ReflectiveOperationException e) {
      throw new JsonParseException(component.getName() + ": " + e, e);
    }
  }

  private static final class Optionals implements TypeAdapterFactory {
    @Override
    @SuppressWarnings("unchecked") // T is Optional<E>, as the raw type says
    public <T> @Nullable TypeAdapter<T> create(Gson gson, TypeToken<T> type) {
      if (type.getRawType() != Optional.class
          || !(type.getType() instanceof ParameterizedType optional)) {
        return null;
      }
      return (TypeAdapter<T>) of(gson, optional.getActualTypeArguments()[0]);
    }

    private static TypeAdapter<Optional<Object>> of(Gson gson, Type element) {
      @SuppressWarnings("unchecked") // of what Optional holds
      TypeAdapter<Object> delegate = (TypeAdapter<Object>) gson.getAdapter(TypeToken.get(element));
      return new TypeAdapter<>() {
        @Override
        public void write(JsonWriter out, Optional<Object> value) throws IOException {
          if (value.isPresent()) {
            delegate.write(out, value.get());
          } else {
            out.nullValue();
          }
        }

        @Override
        public Optional<Object> read(JsonReader in) throws IOException {
          if (in.peek() == JsonToken.NULL) {
            in.nextNull();
            return Optional.empty();
          }
          return Optional.of(delegate.read(in));
        }
      };
    }
  }
}
