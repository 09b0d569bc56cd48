package io.calm.serving.contract;

import static io.calm.testing.HttpClients.assertJson;
import static io.calm.testing.HttpClients.contentType;
import static io.calm.testing.HttpClients.events;
import static io.calm.testing.HttpClients.json;
import static io.calm.testing.HttpClients.keys;
import static io.calm.testing.HttpClients.lines;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Contract of the requests and answers of DJL's schema. */
interface DjlSchemaContract extends ScriptedServer {
  @ParameterizedTest
  @ValueSource(
      strings = {PREDICTIONS, "/invocations", "/models/scripted/invoke", "/predictions/scripted/"})
  default void oneInputGivesOneObject(String path) throws Exception {
    JsonObject body = answer(path, "{'inputs': 'say(hello)|'}");
    assertJson("{'generated_text': 'hello'}", body);
  }

  @Test
  default void anArrayGivesAnArray() throws Exception {
    HttpResponse<byte[]> two = ask(PREDICTIONS, "{'inputs': ['say(one)|', 'say(two)|']}");
    assertJson("[{'generated_text': 'one'}, {'generated_text': 'two'}]", json(two));
    HttpResponse<byte[]> one = ask(PREDICTIONS, "{'inputs': ['say(one)|']}");
    assertJson("[{'generated_text': 'one'}]", json(one));
  }

  @Test
  default void detailsTellTokensReasonAndSeed() throws Exception {
    JsonObject details =
        answer(
                PREDICTIONS,
                "{'inputs': 'say(hi)|', 'parameters': {'details': true, 'seed': 7,"
                    + " 'decoder_input_details': true}}")
            .getAsJsonObject("details");
    assertEquals("eos_token", details.get("finish_reason").getAsString());
    assertEquals(3, details.get("generated_tokens").getAsInt());
    assertEquals("say(hi)|", details.get("inputs").getAsString());
    assertEquals(9, details.get("input_length").getAsInt());
    assertEquals(7, details.get("seed").getAsLong());
    JsonArray tokens = details.getAsJsonArray("tokens");
    assertEquals(3, tokens.size());
    assertEquals('h', tokens.get(0).getAsJsonObject().get("id").getAsInt());
    assertEquals("h", tokens.get(0).getAsJsonObject().get("text").getAsString());
    assertEquals(0, tokens.get(0).getAsJsonObject().get("log_prob").getAsDouble(), 1e-6);
    JsonArray prefill = details.getAsJsonArray("prefill");
    assertEquals(9, prefill.size());
    assertTrue(prefill.get(0).getAsJsonObject().get("log_prob").isJsonNull());
    assertEquals("s", prefill.get(1).getAsJsonObject().get("text").getAsString());
  }

  @Test
  default void logProbabilitiesAreTheModels() throws Exception {
    JsonArray tokens =
        answer(
                PREDICTIONS,
                "{'inputs': 'dice()|', 'parameters': {'details': true, 'temperature': 0.3,"
                    + " 'top_k': 3, 'max_new_tokens': 2}}")
            .getAsJsonObject("details")
            .getAsJsonArray("tokens");
    for (JsonElement token : tokens) {
      double logprob = token.getAsJsonObject().get("log_prob").getAsDouble();
      assertEquals(-Math.log(10), logprob, 1e-6, "before temperature and top_k");
    }
  }

  @Test
  default void aStreamIsExactlyOneLineAToken() throws Exception {
    HttpResponse<byte[]> response =
        ask(
            PREDICTIONS,
            "{'inputs': 'say(héllo)|', 'stream': true, 'parameters': {'details': true}}");
    assertEquals(200, response.statusCode());
    assertEquals("application/jsonlines", contentType(response));
    List<JsonObject> lines = lines(response);
    assertEquals(7, lines.size(), "six bytes and the end");
    StringBuilder text = new StringBuilder();
    for (JsonObject line : lines) {
      assertEquals(List.of("index", "token", "generated_text", "details"), keys(line));
      JsonObject token = line.getAsJsonObject("token");
      assertEquals(List.of("id", "text", "log_prob"), keys(token));
      text.append(token.get("text").getAsString());
    }
    assertEquals("héllo", text.toString());
    for (JsonObject line : lines.subList(0, 6)) {
      assertTrue(line.get("generated_text").isJsonNull() && line.get("details").isJsonNull());
    }
    assertEquals("héllo", lines.get(6).get("generated_text").getAsString());
    JsonObject details = lines.get(6).getAsJsonObject("details");
    assertEquals("eos_token", details.get("finish_reason").getAsString());
    assertEquals(7, details.get("generated_tokens").getAsInt());
    assertFalse(details.has("tokens"));
  }

  @Test
  default void aStreamNeverSplitsACharacter() throws Exception {
    HttpResponse<byte[]> response = ask(PREDICTIONS, "{'inputs': 'say(a😀é日b)|', 'stream': true}");
    List<String> texts =
        lines(response).stream()
            .map(line -> line.getAsJsonObject("token").get("text").getAsString())
            .toList();
    assertEquals(List.of("a", "", "", "", "😀", "", "é", "", "", "日", "b", ""), texts);
  }

  @Test
  default void eventsForWhoAcceptsThem() throws Exception {
    HttpResponse<byte[]> response =
        ask(PREDICTIONS, "{'inputs': 'say(ab)|', 'stream': true}", "Accept", "text/event-stream");
    assertEquals("text/event-stream", contentType(response));
    List<String> events = events(response);
    assertEquals(3, events.size());
    assertTrue(events.get(2).contains("\"generated_text\":\"ab\""));
  }

  @Test
  default void thirtyTokensUnlessAskedOtherwise() throws Exception {
    String loop = "{'inputs': 'loop(ab)|', 'parameters': {%s}}";
    assertJson(
        "{'generated_text': '" + "ab".repeat(15) + "'}", answer(PREDICTIONS, loop.formatted("")));
    assertJson(
        "{'generated_text': 'aba'}",
        answer(PREDICTIONS, loop.formatted("'max_new_tokens': 3, 'max_tokens': 5")));
    assertJson(
        "{'generated_text': 'ababa'}", answer(PREDICTIONS, loop.formatted("'max_tokens': 5")));
  }

  @Test
  default void parametersThatShapeTheText() throws Exception {
    assertJson(
        "{'generated_text': 'say(x)|x'}",
        answer(
            PREDICTIONS,
            "{'inputs': 'say(x)|', 'parameters': {'return_full_text': true, 'unknown': 1}}"));
    assertJson(
        "{'generated_text': 'ok'}",
        answer(PREDICTIONS, "{'inputs': 'say(x)|', 'parameters': {'truncate': 3}}"));
    String eos =
        "{'inputs': 'say(x)|', 'parameters': {'ignore_eos_token': true,"
            + " 'max_new_tokens': 2, 'details': true}}";
    assertEquals(
        "length",
        answer(PREDICTIONS, eos).getAsJsonObject("details").get("finish_reason").getAsString());
  }

  @Test
  default void aStopStringEndsTheAnswerAndNeverShowsInPart() throws Exception {
    String body =
        "{'inputs': 'say(one STOP two)|', 'stream': %s,"
            + " 'parameters': {'stop': ['STOP', 'xyz'], 'details': true}}";
    JsonObject whole = answer(PREDICTIONS, body.formatted(false));
    assertEquals("one ", whole.get("generated_text").getAsString());
    assertEquals(
        "stop_sequence", whole.getAsJsonObject("details").get("finish_reason").getAsString());
    List<JsonObject> lines = lines(ask(PREDICTIONS, body.formatted(true)));
    assertEquals(8, lines.size(), "four letters shown, four of the stop string");
    String shown =
        lines.stream()
            .map(line -> line.getAsJsonObject("token").get("text").getAsString())
            .collect(Collectors.joining());
    assertEquals("one ", shown);
    assertEquals("one ", lines.get(7).get("generated_text").getAsString());
  }

  @Test
  default void samplingIsBySeedAndGreedyWithoutParameters() throws Exception {
    String dice = "{'inputs': 'dice()|', 'parameters': {'max_new_tokens': 20 %s}}";
    assertJson(
        "{'generated_text': '" + "0".repeat(20) + "'}",
        answer(PREDICTIONS, dice.formatted(", 'seed': 1")));
    assertJson(
        "{'generated_text': '" + "0".repeat(20) + "'}",
        answer(PREDICTIONS, dice.formatted(", 'do_sample': false, 'temperature': 2.0")));
    String sampled =
        answer(PREDICTIONS, dice.formatted(", 'do_sample': true, 'seed': 1"))
            .get("generated_text")
            .getAsString();
    String again =
        answer(PREDICTIONS, dice.formatted(", 'temperature': 1.0, 'seed': 1"))
            .get("generated_text")
            .getAsString();
    String other =
        answer(PREDICTIONS, dice.formatted(", 'temperature': 1.0, 'seed': 2"))
            .get("generated_text")
            .getAsString();
    assertEquals(sampled, again);
    assertFalse(sampled.equals(other));
    assertTrue(sampled.matches("[0-9]{20}"));
  }

  @Test
  default void bestOfComesWithTheOthers() throws Exception {
    JsonObject body =
        answer(
            PREDICTIONS,
            "{'inputs': 'dice()|', 'parameters': {'n': 2, 'best_of': 3, 'do_sample': true,"
                + " 'seed': 4, 'max_new_tokens': 5}}");
    JsonArray others = body.getAsJsonObject("details").getAsJsonArray("best_of_sequences");
    assertEquals(1, others.size());
    assertEquals(5, others.get(0).getAsJsonObject().get("generated_text").getAsString().length());
  }

  @Test
  default void anErrorBeforeTheFirstTokenHasItsOwnStatus() throws Exception {
    for (String stream : List.of("true", "false")) {
      HttpResponse<byte[]> response =
          ask(PREDICTIONS, "{'inputs': 'die(0)|', 'stream': %s}".formatted(stream));
      assertEquals(500, response.statusCode());
      assertEquals(500, object(response).get("code").getAsInt());
      assertEquals("the decoder died", object(response).get("error").getAsString());
    }
  }

  @Test
  default void anErrorInMidStreamIsTheLastLine() throws Exception {
    List<JsonObject> lines = lines(ask(PREDICTIONS, "{'inputs': 'nan(3)|', 'stream': true}"));
    assertEquals(4, lines.size());
    JsonObject last = lines.get(3);
    assertEquals("error", last.get("finish_reason").getAsString());
    assertEquals(500, last.get("code").getAsInt());
    assertEquals("block 0 down: NaN in row 0", last.get("error").getAsString());
    assertEquals(
        500, ask(PREDICTIONS, "{'inputs': 'nan(3)|'}").statusCode(), "not streamed: no text");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'inputs': 5} | inputs: expected a string or an array of strings, got the number 5",
        "{'inputs': true} | inputs: expected a string or an array of strings, got true",
        "{'inputs': {}} | inputs: expected a string or an array of strings, got an object",
        "{'inputs': ['a', null]} | inputs[1]: expected a string, got null",
        "{'inputs': []} | inputs: expected at least one string, got an empty array",
        "{'inputs': 'a', 'parameters': []}" + "| parameters: expected an object, got an array",
        "{'inputs': 'a', 'stream': 'yes'}"
            + "| stream: expected true or false, got the string \"yes\"",
        "{'inputs': 'a', 'parameters': {'max_new_tokens': 0}}"
            + "| parameters.max_new_tokens: expected 1 to 2147483647, got 0",
        "{'inputs': 'a', 'parameters': {'max_new_tokens': 1.5}}"
            + "| parameters.max_new_tokens: expected a whole number from 1 to 2147483647,"
            + " got the number 1.5",
        "{'inputs': 'a', 'parameters': {'temperature': 'hot'}}"
            + "| parameters.temperature: expected a number, got the string \"hot\"",
        "{'inputs': 'a', 'parameters': {'temperature': -1}}"
            + "| parameters.temperature: expected 0 to 100, got -1.0",
        "{'inputs': 'a', 'parameters': {'top_p': 2}} | top_p: expected 0 to 1, got 2",
        "{'inputs': 'a', 'parameters': {'stop': ['']}}"
            + "| parameters.stop: expected strings with text, got an empty one",
        "{'inputs': 'a', 'parameters': {'n': 3, 'best_of': 2}}"
            + "| parameters.best_of: expected at least n = 3, got 2",
        "{'inputs': 'a', 'stream': true, 'parameters': {'n': 2}}"
            + "| stream: cannot be true with n or best_of above 1, got 2",
        "{'inputs': 'a', 'adapters': 'x'}"
            + "| adapters: expected none, got some; this server has no adapters,"
            + " leave the key out",
        "{'inputs': '\\ud800'}"
            + "| inputs: expected Unicode text, got half of a surrogate pair at index 0",
        "[1] | body: expected a JSON object, got an array",
        "{'inputs': 'a'} {} | body: expected one JSON object, got more after its end",
      })
  default void aBadRequestNamesTheKeyAndWhatWasExpected(String body, String message)
      throws Exception {
    HttpResponse<byte[]> response = ask(PREDICTIONS, body);
    assertEquals(400, response.statusCode(), () -> text(response));
    assertEquals("application/json", contentType(response));
    JsonObject error = object(response);
    assertEquals(400, error.get("code").getAsInt());
    assertEquals(message, error.get("error").getAsString());
  }

  @ParameterizedTest
  @ValueSource(strings = {PREDICTIONS, "/v1/completions", "/v1/chat/completions"})
  default void aBodyThatIsNotJsonIsTheClientsError(String path) throws Exception {
    for (String body :
        List.of("", "{", "{\"inputs\": }", "nonsense", "[".repeat(100_000), "{'a':1}", "NaN")) {
      assertMalformed(post(baseUrl() + path, body), "body: ");
    }
    byte[] latin1 = "{\"inputs\": \"caf\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1);
    assertMalformed(
        post(baseUrl() + path, latin1), "body: expected UTF-8, got an invalid sequence at byte 15");
  }

  private static void assertMalformed(HttpResponse<byte[]> response, String start) {
    assertEquals(400, response.statusCode(), () -> text(response));
    JsonElement error = object(response).get("error");
    String message =
        error.isJsonObject()
            ? error.getAsJsonObject().get("message").getAsString()
            : error.getAsString();
    assertTrue(message.startsWith(start), message);
  }

  @Test
  default void aPromptThatIsTooLongIsRefusedWithNumbers() throws Exception {
    String prompt = "x".repeat(5000);
    HttpResponse<byte[]> djl = ask(PREDICTIONS, "{'inputs': '%s'}".formatted(prompt));
    assertEquals(400, djl.statusCode());
    String message = object(djl).get("error").getAsString();
    assertTrue(message.contains("5001 tokens") && message.contains("4096 tokens"), message);
    JsonObject error = openAiError(400, "/v1/completions", "{'prompt': '%s'}".formatted(prompt));
    assertEquals("context_length_exceeded", error.get("code").getAsString());
    JsonObject answer = openAiError(400, "/v1/completions", "{'prompt': 'x', 'max_tokens': 4096}");
    assertTrue(answer.get("message").getAsString().contains("has 2 tokens and max_tokens is 4096"));
    assertEquals("max_tokens", answer.get("param").getAsString());
  }
}
