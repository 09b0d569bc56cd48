package io.calm.serving.api;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.ToNumberPolicy;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Strict JSON from the bytes of a body: UTF-8, one object, at most 64 levels deep. */
public final class JsonBody {
  private static final int MOST_LEVELS = 64;

  private JsonBody() {}

  /**
   * Parses a body.
   *
   * @throws ApiException saying where it is malformed
   */
  public static JsonObject parse(byte[] body) {
    String text = decode(body);
    if (text.isBlank()) {
      throw new ApiException(
          ApiException.Kind.INVALID, "body: expected a JSON object, got an empty body");
    }
    JsonReader reader = new JsonReader(new StringReader(text));
    reader.setStrictness(Strictness.STRICT);
    reader.setNestingLimit(MOST_LEVELS);
    try {
      JsonElement element = read(reader);
      requireEnd(reader);
      if (!element.isJsonObject()) {
        throw new ApiException(
            ApiException.Kind.INVALID,
            "body: expected a JSON object, got " + JsonFields.describe(element));
      }
      return element.getAsJsonObject();
    } catch (JsonParseException | IOException e) {
      throw new ApiException(ApiException.Kind.INVALID, "body: malformed JSON: " + reason(e));
    }
  }

  /** Reads a value; of two members of one name no reader can know which was meant. */
  private static JsonElement read(JsonReader reader) throws IOException {
    return switch (reader.peek()) {
      case BEGIN_OBJECT -> object(reader);
      case BEGIN_ARRAY -> {
        JsonArray array = new JsonArray();
        reader.beginArray();
        while (reader.hasNext()) {
          array.add(read(reader));
        }
        reader.endArray();
        yield array;
      }
      case STRING -> new JsonPrimitive(reader.nextString());
      case NUMBER -> new JsonPrimitive(ToNumberPolicy.LAZILY_PARSED_NUMBER.readNumber(reader));
      case BOOLEAN -> new JsonPrimitive(reader.nextBoolean());
      default -> {
        reader.nextNull();
        yield JsonNull.INSTANCE;
      }
    };
  }

  private static JsonObject object(JsonReader reader) throws IOException {
    JsonObject object = new JsonObject();
    reader.beginObject();
    while (reader.hasNext()) {
      String name = reader.nextName();
      if (object.has(name)) {
        throw new ApiException(
            ApiException.Kind.INVALID,
            "body: expected each key once, got two of them at %s".formatted(reader.getPath()));
      }
      object.add(name, read(reader));
    }
    reader.endObject();
    return object;
  }

  private static void requireEnd(JsonReader reader) throws IOException {
    boolean end;
    try {
      end = reader.peek() == JsonToken.END_DOCUMENT;
    } catch (MalformedJsonException e) {
      end = false;
    }
    if (!end) {
      throw new ApiException(
          ApiException.Kind.INVALID, "body: expected one JSON object, got more after its end");
    }
  }

  private static String decode(byte[] body) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer bytes = ByteBuffer.wrap(body);
    CharBuffer chars = CharBuffer.allocate(body.length);
    CoderResult result = decoder.decode(bytes, chars, true);
    if (result.isError()) {
      throw new ApiException(
          ApiException.Kind.INVALID,
          "body: expected UTF-8, got an invalid sequence at byte " + bytes.position());
    }
    return chars.flip().toString();
  }

  /** Returns the parser's own words without the links and the advice to programmers. */
  private static String reason(Exception e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    String message = String.valueOf(cause.getMessage());
    int end = message.indexOf("\nSee ");
    return (end < 0 ? message : message.substring(0, end))
        .replace(
            "Use JsonReader.setStrictness(Strictness.LENIENT) to accept malformed JSON",
            "unexpected character");
  }
}
