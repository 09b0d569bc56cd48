package io.calm.serving.reply;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The count of values, for a text that comes whole or in pieces. */
class ValueCountTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{} | 1",
        "{\"a\":1} | 3",
        "{\"a\":[1,-2,3.5e+1,true,false,null,\"x,\\\",[\",{},[]]} | 12",
        "{\"prompt\":[1,2,3],\"b\":1} | 5",
        "{\"prompt\" : [ [1 , 2], [3]], \"b\":[1,2]} | 9",
        "{\"\\u0070rompt\":[1,2,3]} | 3",
        "{\"prompt\":[1,\"a\"]} | 5",
        "{\"prompt\":[1,2.5]} | 5",
        "{\"prompt\":[1,-2,3e4,4]} | 7",
        "{\"prompt\":[[1,2],[3,[4]],{\"x\":[1,2]}]} | 10",
        "{\"prompts\":[1,2,3]} | 6",
        "{\"promp\":[1,2,3]} | 6",
        "{\"xprompt\":[1,2,3]} | 6",
        "{\"a\":\"prompt\",\"b\":[1,2,3]} | 8",
        "{\"a\":{\"prompt\":[1,2,3]}} | 8",
        "{\"prompt\":1,\"a\":[1,2,3]} | 8",
      })
  void valuesAndKeysAreCounted(String text, int count) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    for (int piece = 1; piece <= bytes.length; piece++) {
      read(bytes, piece, count);
      int size = piece;
      ApiException refusal =
          assertThrows(ApiException.class, () -> read(bytes, size, count - 1), text);
      assertEquals(ApiException.Kind.BODY_TOO_COMPLEX, refusal.kind());
    }
  }

  private static void read(byte[] bytes, int piece, int max) {
    ValueCount values = new ValueCount(max);
    for (int from = 0; from < bytes.length; from += piece) {
      values.read(bytes, from, Math.min(bytes.length, from + piece));
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "7", "1000", "65536"})
  void theRefusalNamesTheByteWhateverThePieces(int piece) {
    byte[] bytes = ("{\"x\":[" + "0,".repeat(200_000)).getBytes(StandardCharsets.UTF_8);
    String expected =
        "body: expected at most 100000 values and keys, got more; byte 200000 is where the limit is"
            + " reached";
    ApiException refusal =
        assertThrows(ApiException.class, () -> read(bytes, piece, JsonBody.MAX_VALUES));
    assertEquals(expected, refusal.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"1", "7", "1000"})
  void tooManyLevelsAreFound(int piece) {
    String max = "{\"a\":" + "[".repeat(JsonBody.MAX_LEVELS - 1);
    read(max.getBytes(StandardCharsets.UTF_8), piece, JsonBody.MAX_VALUES);
    byte[] more = (max + "[").getBytes(StandardCharsets.UTF_8);
    ApiException refusal =
        assertThrows(ApiException.class, () -> read(more, piece, JsonBody.MAX_VALUES));
    assertEquals("body: malformed JSON: Nesting limit 64 reached at byte 68", refusal.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"1000", "65536", "10000000"})
  void tokenIdsHaveALimitOfTheirOwn(int piece) {
    String max = "{\"prompt\":[[" + "1,".repeat(JsonBody.MAX_TOKEN_IDS - 1) + "1";
    read((max + "],[1,2]]}").getBytes(StandardCharsets.UTF_8), piece, 10);
    byte[] more = (max + ",1]").getBytes(StandardCharsets.UTF_8);
    ApiException refusal = assertThrows(ApiException.class, () -> read(more, piece, 10));
    assertEquals(ApiException.Kind.TOO_LONG, refusal.kind());
    assertEquals(
        "prompt: the prompt is too long: it has more than 1048576 token ids; for token ids, this"
            + " model's maximum context length is at most that; shorten it",
        refusal.getMessage());
    byte[] parsed = (max + ",1]]}").getBytes(StandardCharsets.UTF_8);
    assertEquals(
        refusal.getMessage(),
        assertThrows(ApiException.class, () -> JsonBody.parse(parsed)).getMessage());
  }
}
