package io.calm.checkpoint.safetensors;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.JsonErrors;
import io.calm.checkpoint.storage.TensorType;
import io.calm.text.Printable;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Parses the JSON of a safetensors header strictly. */
final class HeaderParser {
  private static final Map<String, TensorType> TYPES =
      Map.ofEntries(
          Map.entry("F32", TensorType.F32),
          Map.entry("F16", TensorType.F16),
          Map.entry("BF16", TensorType.BF16),
          Map.entry("F64", TensorType.F64),
          Map.entry("BOOL", TensorType.BOOL),
          Map.entry("U8", TensorType.U8),
          Map.entry("I8", TensorType.I8),
          Map.entry("I32", TensorType.I32),
          Map.entry("I64", TensorType.I64));

  private static final int MAX_NAME_LENGTH = 512;
  private static final int MAX_DIMENSIONS = 16;

  private final Path path;

  private HeaderParser(Path path) {
    this.path = path;
  }

  static List<HeaderEntry> parse(Path path, String json) {
    try (JsonReader reader = new JsonReader(new StringReader(json))) {
      reader.setStrictness(Strictness.STRICT);
      return new HeaderParser(path).entries(reader);
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw CheckpointException.refused(
          path + ": header",
          "a JSON object of tensors",
          JsonErrors.describe(e),
          "the file is damaged: download it again",
          e);
    }
  }

  private List<HeaderEntry> entries(JsonReader reader) throws IOException {
    List<HeaderEntry> entries = new ArrayList<>();
    reader.beginObject();
    while (reader.hasNext()) {
      String name = reader.nextName();
      if (name.equals("__metadata__")) {
        reader.skipValue();
      } else {
        requireRoom(entries.size(), name);
        entries.add(entry(reader, name));
      }
    }
    reader.endObject();
    if (reader.peek() != JsonToken.END_DOCUMENT) {
      throw new IllegalStateException("more than one JSON value");
    }
    return entries;
  }

  private void requireRoom(int entries, String name) {
    if (entries == SafetensorsFile.MAX_TENSORS) {
      throw damaged(name, "at most %d tensors".formatted(SafetensorsFile.MAX_TENSORS), "more");
    }
    if (name.length() > MAX_NAME_LENGTH) {
      throw damaged(
          name,
          "a name of at most %d characters".formatted(MAX_NAME_LENGTH),
          "one of %d".formatted(name.length()));
    }
  }

  private HeaderEntry entry(JsonReader reader, String name) throws IOException {
    Optional<TensorType> type = Optional.empty();
    Optional<List<Long>> shape = Optional.empty();
    Optional<List<Long>> offsets = Optional.empty();
    reader.beginObject();
    while (reader.hasNext()) {
      String field = reader.nextName();
      switch (field) {
        case "dtype" -> type = Optional.of(type(reader.nextString(), name));
        case "shape" -> shape = Optional.of(numbers(reader, name));
        case "data_offsets" -> offsets = Optional.of(numbers(reader, name));
        default -> throw damaged(name, "the fields dtype, shape, data_offsets", field);
      }
    }
    reader.endObject();
    if (type.isEmpty() || shape.isEmpty() || offsets.isEmpty() || offsets.get().size() != 2) {
      throw damaged(name, "dtype, shape and two data_offsets", "not all of them");
    }
    return new HeaderEntry(
        name, type.get(), shape.get(), offsets.get().get(0), offsets.get().get(1));
  }

  private TensorType type(String dtype, String tensor) {
    TensorType type = TYPES.get(dtype);
    if (type == null) {
      throw CheckpointException.refused(
          "%s: tensor %s".formatted(path, Printable.of(tensor)),
          "dtype F32, F16 or BF16",
          dtype,
          "convert the weights to BF16; quantized and 8-bit float checkpoints are not supported");
    }
    return type;
  }

  private List<Long> numbers(JsonReader reader, String tensor) throws IOException {
    List<Long> numbers = new ArrayList<>();
    reader.beginArray();
    while (reader.hasNext()) {
      if (reader.peek() != JsonToken.NUMBER) {
        throw new IllegalStateException("expected a number at " + reader.getPath());
      }
      if (numbers.size() == MAX_DIMENSIONS) {
        throw damaged(tensor, "at most %d dimensions".formatted(MAX_DIMENSIONS), "more");
      }
      numbers.add(reader.nextLong());
    }
    reader.endArray();
    return numbers;
  }

  private CheckpointException damaged(String tensor, String expected, String got) {
    return CheckpointException.refused(
        "%s: tensor %s".formatted(path, Printable.of(tensor)),
        expected,
        got,
        "the file is damaged: download it again");
  }
}
