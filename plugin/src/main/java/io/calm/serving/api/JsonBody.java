package io.calm.serving.api;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.Optional;

/**
 * Strict JSON (RFC 8259) from the bytes of a body: UTF-8, one object, each key once. What the
 * parsed body may take is bounded by {@link #MAX_VALUES}, whatever its bytes are.
 */
public final class JsonBody {
  /** Levels of objects and arrays in each other. */
  public static final int MAX_LEVELS = 64;

  /**
   * Values and keys together. The token ids of prompts are not counted: they are arrays of numbers,
   * and no longer than the body is.
   */
  public static final int MAX_VALUES = 100_000;

  /** Characters of a number. */
  public static final int MAX_NUMBER_LENGTH = 400;

  private JsonBody() {}

  /**
   * Parses a body.
   *
   * @throws ApiException saying where it is malformed, or which limit it exceeds
   */
  public static JsonObject parse(byte[] body) {
    return parse(body, body.length);
  }

  /**
   * Parses a body that is the start of an array, which the result has nothing of.
   *
   * @param length bytes of the body
   * @throws ApiException saying where it is malformed, or which limit it exceeds
   */
  public static JsonObject parse(byte[] body, int length) {
    JsonElement element = new BodyParser(body, length).document();
    if (!element.isJsonObject()) {
      throw new ApiException(
          ApiException.Kind.INVALID,
          "body: expected a JSON object, got " + JsonFields.describe(element));
    }
    return element.getAsJsonObject();
  }

  /**
   * Returns a member of the body's object that is a string or a number; empty where there is none.
   * Reads no more than it must, builds nothing, and leaves errors to {@link #parse}: for an event
   * loop.
   */
  public static Optional<String> member(byte[] body, String name) {
    return new MemberScan(body).find(name);
  }
}
