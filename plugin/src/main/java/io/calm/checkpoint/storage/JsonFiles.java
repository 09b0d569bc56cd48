package io.calm.checkpoint.storage;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import io.calm.checkpoint.CheckpointException;
import io.calm.text.Printable;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Reads the JSON files of a checkpoint into trees of bounded size. */
public final class JsonFiles {
  /**
   * Maximum size of a file in bytes, several times that of a large index of shards. A file that
   * holds only a chat template has the same limit.
   */
  public static final long MAX_BYTES = 32L << 20;

  /** Maximum number of names and values. In a tree, one may take fifty times its text. */
  static final int MAX_VALUES = 1 << 20;

  private JsonFiles() {}

  /**
   * Reads the object of a file.
   *
   * @throws CheckpointException if the file is missing, too large, or not a JSON object
   */
  public static JsonObject object(Path file) {
    try {
      if (Files.exists(file) && !Files.isRegularFile(file)) { // a pipe would block its reader
        throw refused(file, "a directory, device, pipe or socket", null);
      }
      long bytes = Files.size(file);
      if (bytes > MAX_BYTES) {
        throw refused(file, "%d bytes, more than %d".formatted(bytes, MAX_BYTES), null);
      }
      try (Reader text = Files.newBufferedReader(file, StandardCharsets.UTF_8);
          JsonReader reader = new CountingReader(text)) {
        JsonElement element = JsonParser.parseReader(reader);
        if (!(element instanceof JsonObject object)) {
          throw refused(file, Printable.of(element), null);
        }
        if (reader.peek() != JsonToken.END_DOCUMENT) {
          throw refused(file, "more after the object", null);
        }
        return object;
      }
    } catch (IOException | JsonParseException e) {
      throw refused(file, JsonErrors.describe(e), e);
    }
  }

  private static CheckpointException refused(Path file, String got, @Nullable Exception cause) {
    String expected = "a JSON object";
    String remedy = "download the file again";
    return cause == null
        ? CheckpointException.refused(file.toString(), expected, got, remedy)
        : CheckpointException.refused(file.toString(), expected, got, remedy, cause);
  }

  /** Counts the names and values that a parser takes. */
  private static final class CountingReader extends JsonReader {
    private int values;

    CountingReader(Reader text) {
      super(text);
    }

    private void count() throws MalformedJsonException {
      values++;
      if (values > MAX_VALUES) {
        throw new MalformedJsonException("more than %d values".formatted(MAX_VALUES));
      }
    }

    @Override
    public void beginObject() throws IOException {
      count();
      super.beginObject();
    }

    @Override
    public void beginArray() throws IOException {
      count();
      super.beginArray();
    }

    @Override
    public String nextName() throws IOException {
      count();
      return super.nextName();
    }

    @Override
    public String nextString() throws IOException {
      count();
      return super.nextString();
    }

    @Override
    public boolean nextBoolean() throws IOException {
      count();
      return super.nextBoolean();
    }

    @Override
    public void nextNull() throws IOException {
      count();
      super.nextNull();
    }
  }
}
