package io.calm.serving.api;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.Strictness;
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
      JsonElement element = JsonParser.parseReader(reader);
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
