package io.calm.serving.reply;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.text.Printable;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * A strict JSON parser over bytes that enforces limits while it reads: a body that exceeds one is
 * refused at that place, before the rest is read. Single use.
 */
final class BodyParser {
  private static final String TOKEN_IDS = "prompt";

  /**
   * Estimated bytes of a key or a value: the entry of a map or an array, its wrapper, and the
   * object that a string or a number is.
   */
  static final int VALUE_BYTES = 160;

  private static final int CHARGED_AT_ONCE = 1 << 16;

  /** Number of digits that always fit an int. */
  private static final int INT_DIGITS = 9;

  private final byte[] body;
  private final int length;
  private final JsonStrings strings;
  private final ByteBudget.Charge charge;
  private final boolean embedded; // no array is a prompt
  private long uncharged;
  private int at;
  private int values;

  /** The path to the current value: the member's name or the element's index for each level. */
  private final String[] names = new String[JsonBody.MAX_LEVELS + 1];

  private final int[] indexes = new int[JsonBody.MAX_LEVELS + 1];
  private int level;

  /**
   * Reads the start of an array.
   *
   * @param length bytes of the body
   * @param charge grows by the estimated size of the parsed values
   */
  BodyParser(byte[] body, int length, ByteBudget.Charge charge) {
    this(body, length, charge, 0, false);
  }

  /**
   * Reads a text that is a string of a body.
   *
   * @param charge grows by the estimated size of the parsed values
   * @param values number of values and keys that count towards the limit already
   */
  BodyParser(byte[] text, ByteBudget.Charge charge, int values) {
    this(text, text.length, charge, values, true);
  }

  private BodyParser(
      byte[] body, int length, ByteBudget.Charge charge, int values, boolean embedded) {
    this.body = body;
    this.length = length;
    this.strings = new JsonStrings(body, length);
    this.charge = charge;
    this.values = values;
    this.embedded = embedded;
  }

  /** Returns the number of values and keys so far. */
  int values() {
    return values;
  }

  /** Reads the whole body. */
  JsonElement document() {
    boolean mark = length >= 3 && (body[0] & 0xFF) == 0xEF && (body[1] & 0xFF) == 0xBB;
    at = mark && (body[2] & 0xFF) == 0xBF ? 3 : 0; // a byte order mark
    if (next() < 0) {
      throw invalid("expected a JSON object, got an empty body");
    }
    JsonElement element = value();
    if (next() >= 0) {
      throw invalid("expected one JSON object, got more after its end");
    }
    charge(0, 0);
    return element;
  }

  /** Skips white space and returns the next byte without reading it; -1 at the end. */
  private int next() {
    while (at < length) {
      byte c = body[at];
      if (!TokenIdScan.isSpace(c)) {
        return c & 0xFF;
      }
      at++;
    }
    return -1;
  }

  private JsonElement value() {
    count();
    int c = next();
    return switch (c) {
      case '{' -> object();
      case '[' -> array();
      case '"' -> new JsonPrimitive(whole(string()));
      case 't' -> literal("true", new JsonPrimitive(true));
      case 'f' -> literal("false", new JsonPrimitive(false));
      case 'n' -> literal("null", JsonNull.INSTANCE);
      default -> {
        if (c != '-' && (c < '0' || c > '9')) {
          throw unexpected("a value");
        }
        yield number();
      }
    };
  }

  private JsonObject object() {
    enter();
    JsonObject object = new JsonObject();
    at++;
    if (next() == '}') {
      at++;
      leave();
      return object;
    }
    while (true) {
      if (next() != '"') {
        throw unexpected("a key in double quotes");
      }
      count();
      String name = string();
      names[level] = name;
      whole(name);
      if (object.has(name)) {
        throw invalid("expected each key once, got two of them at " + path());
      }
      if (next() != ':') {
        throw unexpected("':'");
      }
      at++;
      object.add(name, value());
      if (ends('}')) {
        leave();
        return object;
      }
    }
  }

  private JsonElement array() {
    Optional<TokenArray> ids = tokenIds();
    if (ids.isPresent()) {
      return ids.get();
    }
    enter();
    JsonArray array = new JsonArray();
    at++;
    if (next() == ']') {
      at++;
      leave();
      return array;
    }
    while (true) {
      indexes[level] = array.size();
      array.add(value());
      if (ends(']')) {
        leave();
        return array;
      }
    }
  }

  /** Reads the comma or bracket after an element; returns true for the bracket. */
  private boolean ends(char end) {
    int c = next();
    if (c != end && c != ',') {
      throw unexpected("',' or '" + end + "'");
    }
    at++;
    return c == end;
  }

  /** Reads the current array if it is a prompt of token ids only; otherwise reads nothing. */
  private Optional<TokenArray> tokenIds() {
    if (embedded
        || level == 0
        || level > 2
        || !TOKEN_IDS.equals(names[1])
        || (level == 2 && inObject())) {
      return Optional.empty();
    }
    int count = TokenIdScan.count(body, at, length);
    charge((long) Integer.BYTES * count, CHARGED_AT_ONCE);
    int[] ids = new int[count];
    int end = TokenIdScan.read(body, at, length, ids);
    if (end < 0) {
      return Optional.empty();
    }
    at = end;
    return Optional.of(new TokenArray(ids));
  }

  private boolean inObject() {
    return indexes[level] < 0;
  }

  private JsonPrimitive number() {
    int start = at;
    if (body[at] == '-') {
      at++;
    }
    if (at < length && body[at] == '0') {
      at++;
    } else {
      digits();
    }
    boolean whole = true;
    if (at < length && body[at] == '.') {
      at++;
      digits();
      whole = false;
    }
    if (at < length && (body[at] == 'e' || body[at] == 'E')) {
      at++;
      if (at < length && (body[at] == '+' || body[at] == '-')) {
        at++;
      }
      digits();
      whole = false;
    }
    int width = at - start;
    if (width > JsonBody.MAX_NUMBER_LENGTH) {
      throw invalid(
          "expected numbers of at most %d characters, got one of %d at %s"
              .formatted(JsonBody.MAX_NUMBER_LENGTH, width, path()));
    }
    String text = new String(body, start, width, StandardCharsets.ISO_8859_1);
    return whole && width <= INT_DIGITS && body[start] != '-'
        ? new JsonPrimitive(Integer.parseInt(text))
        : new JsonPrimitive(new NumberText(text));
  }

  private void digits() {
    int start = at;
    while (at < length && body[at] >= '0' && body[at] <= '9') {
      at++;
    }
    if (at == start) {
      throw unexpected("a digit");
    }
  }

  private JsonElement literal(String word, JsonElement value) {
    for (int i = 0; i < word.length(); i++) {
      if (at == length || body[at] != word.charAt(i)) {
        throw unexpected("a value");
      }
      at++;
    }
    return value;
  }

  private String string() {
    String text = strings.read(at);
    at = strings.end();
    charge((long) text.length() * strings.width(), CHARGED_AT_ONCE);
    return text;
  }

  /** Returns a text after checking that it is Unicode; only escapes can make it anything else. */
  private String whole(String text) {
    int half = JsonStrings.halfPair(text);
    if (half >= 0) {
      String path = path();
      throw ApiException.invalid(
          path.equals("$") ? "body" : path.substring(2),
          "expected Unicode text, got half of a surrogate pair at index " + half);
    }
    return text;
  }

  private void enter() {
    if (level == JsonBody.MAX_LEVELS) {
      throw ValueCount.tooDeep(at);
    }
    level++;
    names[level] = "";
    indexes[level] = -1;
  }

  private void leave() {
    level--;
  }

  private void count() {
    if (++values > JsonBody.MAX_VALUES) {
      throw ValueCount.tooMany(at);
    }
    charge(VALUE_BYTES, CHARGED_AT_ONCE);
  }

  /** Charges for parsed values, in steps of more than {@code min} bytes. */
  private void charge(long bytes, int min) {
    uncharged += bytes;
    if (uncharged > min) {
      if (!charge.grow(uncharged)) {
        throw new ApiException(
            ApiException.Kind.QUEUE_FULL,
            "body: expected at most %d bytes in the bodies of all requests in flight and their values, got more; try again later"
                .formatted(charge.max()));
      }
      uncharged = 0;
    }
  }

  /** Returns the path of the current value, e.g. {@code $.messages[0].role}. */
  private String path() {
    StringBuilder path = new StringBuilder("$");
    for (int i = 1; i <= level; i++) {
      if (indexes[i] >= 0) {
        path.append('[').append(indexes[i]).append(']');
      } else {
        path.append('.').append(names[i]);
      }
    }
    return Printable.of(path);
  }

  private ApiException unexpected(String expected) {
    return malformed(body, length, at, expected);
  }

  /** Creates the error for an unexpected byte or an unexpected end of the body. */
  static ApiException malformed(byte[] body, int length, int at, String expected) {
    String got = at < length ? shown(body[at]) : "the end of the body";
    return invalid("malformed JSON: expected %s at byte %d, got %s".formatted(expected, at, got));
  }

  private static String shown(byte found) {
    int c = found & 0xFF;
    return c > ' ' && c < 0x7F ? "'" + (char) c + "'" : "the byte 0x%02x".formatted(c);
  }

  private static ApiException invalid(String message) {
    return new ApiException(ApiException.Kind.INVALID, "body: " + message);
  }
}
