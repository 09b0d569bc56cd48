package io.calm.serving.reply;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.internal.Streams;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonBodyTest {
  private static JsonObject parse(String body) {
    return JsonBody.parse(body.getBytes(StandardCharsets.UTF_8));
  }

  private static String refusal(String body) {
    return assertThrows(ApiException.class, () -> parse(body)).getMessage();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        " \t\r\n{ } \n",
        "{\"a\":null,\"b\":true,\"c\":false,\"d\":[],\"e\":{},\"f\":[[],[{}]]}",
        "{\"a\":0,\"b\":-0,\"c\":1.50,\"d\":-1e+5,\"e\":12E-3,\"f\":123456789,\"g\":1234567890123}",
        "{\"\":\"\",\"\\u0061\\n\\\"\\\\\\/\\b\\f\\r\\t\":\"\\ud83d\\ude00 \\u00e9\"}",
        "{\"é日😀\":\"é\\n日😀\"}",
      })
  void whatJsonHasIsRead(String body) throws IOException {
    assertEquals(library(body), parse(body));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "}",
        "{]",
        "[}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":tru}",
        "{\"a\":nulll}",
        "{\"a\":True}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "{\"a\":\"\\\"",
        "{\"a",
        "{\"a\":[",
        "/**/{}",
        "{}//",
        "{\"a\":1;}",
      })
  void whatJsonHasNotIsRefused(String body) {
    assertThrows(IOException.class, () -> library(body), "the library's reader takes it");
    assertTrue(refusal(body).startsWith("body: "), refusal(body));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'a': '\\ud800'} | a | 0",
        "{'a': 'xy\\udc00z'} | a | 2",
        "{'a': '\\ud83d\\ude00\\ude00'} | a | 2",
        "{'a': '\\udc00\\ud800'} | a | 0",
        "{'a\\ud800': 1} | a\\ud800 | 1",
        "{'tools': [{'function': {'name': 'f', 'description': '\\ud800'}}]} | tools[0].function.description | 0",
        "{'chat_template_kwargs': {'k': ['b', {'\\ud800': 1}]}} | chat_template_kwargs.k[1].\\ud800 | 0",
        "{'user': '\\ud800'} | user | 0",
      })
  void halfOfASurrogatePairIsRefusedWhereverItIs(String body, String place, int index) {
    assertEquals(
        place + ": expected Unicode text, got half of a surrogate pair at index " + index,
        refusal(body.replace('\'', '"')));
  }

  /** Reads with the library's strict reader, which reads numbers as they are written. */
  private static JsonElement library(String body) throws IOException {
    JsonReader reader = new JsonReader(new StringReader(body));
    reader.setStrictness(Strictness.STRICT);
    try {
      JsonElement element = Streams.parse(reader);
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new IOException("more after the end");
      }
      return element;
    } catch (com.google.gson.JsonParseException e) {
      throw new IOException(e);
    }
  }

  static LongStream seeds() {
    return LongStream.concat(LongStream.range(0, 40), LongStream.of(Seeds.of(20_261_201L)));
  }

  /** Random bodies, whole and with a byte changed, against the library's strict reader. */
  @ParameterizedTest
  @MethodSource("seeds")
  void anyBodyIsReadAsTheLibraryReadsIt(long seed) {
    Seeds.given(seed);
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 200; i++) {
      StringBuilder text = new StringBuilder();
      RandomJson.object(random, text, 0);
      if (random.nextBoolean()) {
        int at = random.nextInt(text.length());
        text.setCharAt(at, "{}[]\",:0123456789.eE+-\\ntrue x\n".charAt(random.nextInt(31)));
      }
      String body = text.toString();
      Optional<JsonElement> expected = either(() -> library(body));
      Optional<JsonElement> actual = either(() -> parse(body));
      if (actual.isPresent() || !duplicate(body)) {
        assertEquals(
            expected.filter(JsonElement::isJsonObject), actual, () -> "seed " + seed + ": " + body);
      }
    }
  }

  private static boolean duplicate(String body) {
    return refusal(body).contains("expected each key once");
  }

  private interface Reading {
    JsonElement read() throws IOException;
  }

  private static Optional<JsonElement> either(Reading reading) {
    try {
      return Optional.of(reading.read());
    } catch (IOException | ApiException e) {
      return Optional.empty();
    }
  }

  @Test
  void aPromptOfTokenIdsIsAnArrayOfInts() {
    JsonObject body =
        parse("{\"prompt\": [ 0 , 12,345 ], \"other\": [1], \"x\": {\"prompt\": [1]}}");
    assertArrayEquals(new int[] {0, 12, 345}, ((TokenArray) body.get("prompt")).ids());
    assertTrue(body.get("other").isJsonArray());
    assertTrue(body.getAsJsonObject("x").get("prompt").isJsonArray());
    JsonObject several =
        parse("{\"prompt\": [[1,2],\"x\",[3.0],[],[-1],[01234567890]]}".replace("0123", "123"));
    assertTrue(several.getAsJsonArray("prompt").get(0) instanceof TokenArray);
    for (int i = 2; i < 6; i++) {
      assertTrue(several.getAsJsonArray("prompt").get(i).isJsonArray(), "element " + i);
    }
    assertTrue(refusal("{\"prompt\": [01]}").contains("malformed JSON"));
    assertTrue(refusal("{\"prompt\": [1,]}").contains("malformed JSON"));
    assertTrue(refusal("{\"prompt\": [1,2").contains("malformed JSON"));
    String ids = "1" + ",1".repeat(JsonBody.MAX_VALUES);
    assertEquals(
        JsonBody.MAX_VALUES + 1, TokenIds.count(parse("{\"prompt\":[" + ids + "]}").get("prompt")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "[]", "{}", "\"\"", "null"})
  void valuesAreCountedBeforeTheyAreKept(String value) {
    String many = "[" + value + ("," + value).repeat(JsonBody.MAX_VALUES - 4) + "]";
    parse("{\"x\":" + many + "}"); // the object, the key, the array and its elements
    String more = "{\"x\":" + many.replace("]]", "],[]]") + ",\"y\":0}";
    assertTrue(refusal(more).contains("expected at most 100000 values and keys"), value);
  }

  @Test
  void levelsAndDigitsAreLimited() {
    parse("{\"a\":" + "[".repeat(63) + "]".repeat(63) + "}");
    assertTrue(refusal("{\"a\":" + "[".repeat(64) + "]".repeat(64) + "}").contains("limit 64"));
    assertEquals("9".repeat(400), parse("{\"a\":" + "9".repeat(400) + "}").get("a").getAsString());
    assertEquals(
        "body: expected numbers of at most 400 characters, got one of 401 at $.a[1].b",
        refusal("{\"a\":[0,{\"b\":" + "9".repeat(401) + "}]}"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"a\":1,\"a\":2} | body: expected each key once, got two of them at $.a",
        "{\"a\":[0,{\"b\":1,\"b\":2}]} | body: expected each key once, got two of them at $.a[1].b",
        "{\"a\":1]} | body: malformed JSON: expected ',' or '}' at byte 6, got ']'",
        "{\"a\":tru | body: malformed JSON: expected a value at byte 8, got the end of the body",
        "[1] | body: expected a JSON object, got an array",
        "{} {} | body: expected one JSON object, got more after its end",
      })
  void aRefusalSaysWhere(String body, String message) {
    assertEquals(message, refusal(body));
  }

  @Test
  void anInvalidSequenceIsFoundWhereverItStands() {
    for (byte[] bad :
        new byte[][] {{(byte) 0xC3}, {(byte) 0xFF}, {(byte) 0xED, (byte) 0xA0, (byte) 0x80}}) {
      byte[] body = "{\"a\":\"é\\n____\"}".getBytes(StandardCharsets.UTF_8);
      System.arraycopy(bad, 0, body, 10, bad.length);
      ApiException e = assertThrows(ApiException.class, () -> JsonBody.parse(body));
      assertEquals("body: expected UTF-8, got an invalid sequence at byte 10", e.getMessage());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      value = {
        "{\"model\":\"a\"} | a",
        "{\"x\":[{\"model\":\"b\"},\"}\"],\"y\":\"\\\"}\", \"model\" : \"a\"} | a",
        "{\"x\":{\"model\":\"b\"}} | -",
        "{\"model\":7} | 7",
        "{\"model\":null} | -",
        "{\"model\":{}} | -",
        "{\"model\" | -",
        "[\"model\"] | -",
        "nonsense | -",
        "{\"x\":\"\\ | -",
      })
  void oneMemberIsFoundWithoutTheOthers(String body, String expected) {
    assertEquals(
        Optional.ofNullable(expected),
        JsonBody.member(body.getBytes(StandardCharsets.UTF_8), "model"));
  }

  /** Values as a client may write them. */
  private static final class RandomJson {
    static void object(SplittableRandom random, StringBuilder out, int depth) {
      out.append('{');
      for (int i = random.nextInt(4); i > 0; i--) {
        out.append('"').append((char) ('a' + i)).append(random.nextBoolean() ? "\":" : "\" : ");
        value(random, out, depth + 1);
        out.append(i > 1 ? "," : "");
      }
      out.append('}');
    }

    private static void value(SplittableRandom random, StringBuilder out, int depth) {
      switch (random.nextInt(depth > 4 ? 5 : 7)) {
        case 0 -> out.append(random.nextInt(-1000, 1000));
        case 1 -> out.append(random.nextDouble() * 1e6);
        case 2 -> out.append(random.nextBoolean() ? "true" : "null");
        case 3 -> out.append(new JsonPrimitive("é\n\"\\" + random.nextInt(99)));
        case 4 -> out.append("\"\\u00e9 plain\"");
        case 5 -> object(random, out, depth);
        default -> {
          out.append("[ ");
          for (int i = random.nextInt(4); i > 0; i--) {
            value(random, out, depth + 1);
            out.append(i > 1 ? " , " : "");
          }
          out.append(']');
        }
      }
    }
  }
}
