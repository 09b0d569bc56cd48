package io.calm.serving.reply;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.Optional;

/**
 * Strict JSON (RFC 8259) from the bytes of a body: UTF-8, one object, each key once, and Unicode in
 * all keys and strings, so no lone surrogate reaches a template or a tokenizer. The memory of the
 * parsed body is bounded by {@link #MAX_VALUES}, whatever its bytes are.
 */
public final class JsonBody {
  /** Maximum depth of nested objects and arrays. */
  public static final int MAX_LEVELS = 64;

  /**
   * Maximum number of values and keys together. Token ids of prompts are not counted: they become
   * arrays of ints.
   */
  public static final int MAX_VALUES = 100_000;

  /** Maximum number of token ids in one prompt. */
  static final int MAX_TOKEN_IDS = 1 << 20;

  /** Maximum length of a number in characters. */
  public static final int MAX_NUMBER_LENGTH = 400;

  private JsonBody() {}

  /**
   * Parses a body.
   *
   * @throws ApiException saying where it is malformed, or which limit it exceeds
   */
  public static JsonObject parse(byte[] body) {
    try (ByteBudget.Charge unlimited = new ByteBudget(Long.MAX_VALUE).charge()) {
      return parse(body, body.length, unlimited);
    }
  }

  /**
   * Parses a body that is the start of an array.
   *
   * @param length bytes of the body
   * @param charge grows by the estimated size of the parsed form while it is built; the caller
   *     closes it when that is no longer needed
   * @throws ApiException saying where it is malformed, or which limit it exceeds
   */
  public static JsonObject parse(byte[] body, int length, ByteBudget.Charge charge) {
    JsonElement element = new BodyParser(body, length, charge).document();
    if (!element.isJsonObject()) {
      throw new ApiException(
          ApiException.Kind.INVALID,
          "body: expected a JSON object, got " + RequestFields.describe(element));
    }
    return element.getAsJsonObject();
  }

  /**
   * Returns a member of the body's object if it is a string or a number, otherwise empty. Stops as
   * early as possible, builds nothing, and leaves errors to {@link #parse}. For use on an event
   * loop.
   */
  public static Optional<String> member(byte[] body, String name) {
    return new MemberScan(body).find(name);
  }
}
