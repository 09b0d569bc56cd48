package io.calm.serving;

import static io.calm.serving.HttpClients.choice;
import static io.calm.serving.HttpClients.chunks;
import static io.calm.serving.HttpClients.contentType;
import static io.calm.serving.HttpClients.events;
import static io.calm.serving.HttpClients.get;
import static io.calm.serving.HttpClients.json;
import static io.calm.serving.HttpClients.lines;
import static io.calm.serving.HttpClients.object;
import static io.calm.serving.HttpClients.post;
import static io.calm.serving.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.testing.ScriptedModels;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every server of the plugin's handlers must answer, whose only model is {@link
 * ScriptedModels#create} under the name {@code scripted}.
 */
public abstract class HttpContract {
  private static final String PREDICTIONS = "/predictions/scripted";

  /** Returns e.g. {@code http://127.0.0.1:8080}. */
  protected abstract String baseUrl();

  private HttpResponse<byte[]> ask(String path, String body, String... headers) throws Exception {
    return post(baseUrl() + path, body.replace('\'', '"'), headers);
  }

  private JsonObject answer(String path, String body) throws Exception {
    HttpResponse<byte[]> response = ask(path, body);
    assertEquals(200, response.statusCode(), () -> text(response));
    assertEquals("application/json", contentType(response));
    return object(response);
  }

  private static void assertJson(String expected, JsonElement actual) {
    assertEquals(com.google.gson.JsonParser.parseString(expected.replace('\'', '"')), actual);
  }

  // DJL's schema

  @ParameterizedTest
  @ValueSource(
      strings = {PREDICTIONS, "/invocations", "/models/scripted/invoke", "/predictions/scripted/"})
  void oneInputGivesOneObject(String path) throws Exception {
    JsonObject body = answer(path, "{'inputs': 'say(hello)|'}");
    assertJson("{'generated_text': 'hello'}", body);
  }

  @Test
  void anArrayGivesAnArray() throws Exception {
    HttpResponse<byte[]> two = ask(PREDICTIONS, "{'inputs': ['say(one)|', 'say(two)|']}");
    assertJson("[{'generated_text': 'one'}, {'generated_text': 'two'}]", json(two));
    HttpResponse<byte[]> one = ask(PREDICTIONS, "{'inputs': ['say(one)|']}");
    assertJson("[{'generated_text': 'one'}]", json(one));
  }

  @Test
  void detailsTellTokensReasonAndSeed() throws Exception {
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
  void logProbabilitiesAreTheModels() throws Exception {
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
  void aStreamIsExactlyOneLineAToken() throws Exception {
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

  private static List<String> keys(JsonObject object) {
    return List.copyOf(object.keySet());
  }

  @Test
  void aStreamNeverSplitsACharacter() throws Exception {
    HttpResponse<byte[]> response = ask(PREDICTIONS, "{'inputs': 'say(a😀é日b)|', 'stream': true}");
    List<String> texts =
        lines(response).stream()
            .map(line -> line.getAsJsonObject("token").get("text").getAsString())
            .toList();
    assertEquals(List.of("a", "", "", "", "😀", "", "é", "", "", "日", "b", ""), texts);
  }

  @Test
  void eventsForWhoAcceptsThem() throws Exception {
    HttpResponse<byte[]> response =
        ask(PREDICTIONS, "{'inputs': 'say(ab)|', 'stream': true}", "Accept", "text/event-stream");
    assertEquals("text/event-stream", contentType(response));
    List<String> events = events(response);
    assertEquals(3, events.size());
    assertTrue(events.get(2).contains("\"generated_text\":\"ab\""));
  }

  @Test
  void thirtyTokensUnlessAskedOtherwise() throws Exception {
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
  void parametersThatShapeTheText() throws Exception {
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
  void aStopStringEndsTheAnswerAndNeverShowsInPart() throws Exception {
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
  void samplingIsBySeedAndGreedyWithoutParameters() throws Exception {
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
  void bestOfComesWithTheOthers() throws Exception {
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
  void anErrorBeforeTheFirstTokenHasItsOwnStatus() throws Exception {
    for (String stream : List.of("true", "false")) {
      HttpResponse<byte[]> response =
          ask(PREDICTIONS, "{'inputs': 'die(0)|', 'stream': %s}".formatted(stream));
      assertEquals(500, response.statusCode());
      assertEquals(500, object(response).get("code").getAsInt());
      assertEquals("the decoder died", object(response).get("error").getAsString());
    }
  }

  @Test
  void anErrorInMidStreamIsTheLastLine() throws Exception {
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
        "{'inputs': 5} | inputs: expected a string, got the number 5",
        "{'inputs': {}} | inputs: expected a string or an array of strings, got an object",
        "{'inputs': ['a', null]} | inputs[1]: expected a string, got null",
        "{'inputs': []} | inputs: expected at least one string, got an empty array",
        "{'inputs': 'a', 'parameters': []}" + "| parameters: expected an object, got an array",
        "{'inputs': 'a', 'stream': 'yes'}"
            + "| stream: expected true or false, got the string \"yes\"",
        "{'inputs': 'a', 'parameters': {'max_new_tokens': 0}}"
            + "| parameters.max_new_tokens: expected at least 1, got 0",
        "{'inputs': 'a', 'parameters': {'max_new_tokens': 1.5}}"
            + "| parameters.max_new_tokens: expected a whole number of 64 bits, got the number 1.5",
        "{'inputs': 'a', 'parameters': {'temperature': 'hot'}}"
            + "| parameters.temperature: expected a number, got the string \"hot\"",
        "{'inputs': 'a', 'parameters': {'temperature': -1}}"
            + "| parameters.temperature: expected 0 to 100, got -1.0",
        "{'inputs': 'a', 'parameters': {'top_p': 2}} | top_p: expected 0 to 1, got 2",
        "{'inputs': 'a', 'parameters': {'stop': ['']}}"
            + "| parameters.stop: expected strings with text, got an empty one",
        "{'inputs': 'a', 'parameters': {'n': 3, 'best_of': 2}}"
            + "| parameters.best_of: expected at least n = 3, got 2",
        "{'inputs': ['a', 'b'], 'stream': true}"
            + "| stream: expected one input where it is true, got 2; send one request for each",
        "{'inputs': 'a', 'adapters': 'x'}"
            + "| adapters: expected none, got some; this server has no adapters,"
            + " leave the key out",
        "{'inputs': '\\ud800'}"
            + "| inputs: expected Unicode text, got half of a surrogate pair at index 0",
        "[1] | body: expected a JSON object, got an array",
        "{'inputs': 'a'} {} | body: expected one JSON object, got more after its end",
      })
  void aBadRequestNamesTheKeyAndWhatWasExpected(String body, String message) throws Exception {
    HttpResponse<byte[]> response = ask(PREDICTIONS, body);
    assertEquals(400, response.statusCode(), () -> text(response));
    assertEquals("application/json", contentType(response));
    JsonObject error = object(response);
    assertEquals(400, error.get("code").getAsInt());
    assertEquals(message, error.get("error").getAsString());
  }

  @ParameterizedTest
  @ValueSource(strings = {PREDICTIONS, "/v1/completions", "/v1/chat/completions"})
  void aBodyThatIsNotJsonIsTheClientsError(String path) throws Exception {
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
  void aPromptThatIsTooLongIsRefusedWithNumbers() throws Exception {
    String prompt = "x".repeat(5000);
    HttpResponse<byte[]> djl = ask(PREDICTIONS, "{'inputs': '%s'}".formatted(prompt));
    assertEquals(400, djl.statusCode());
    String message = object(djl).get("error").getAsString();
    assertTrue(message.contains("5001 tokens") && message.contains("4096 tokens"), message);
    JsonObject error = openAiError(400, "/v1/completions", "{'prompt': '%s'}".formatted(prompt));
    assertEquals("context_length_exceeded", error.get("code").getAsString());
    JsonObject answer = openAiError(400, "/v1/completions", "{'prompt': 'x', 'max_tokens': 4096}");
    assertTrue(
        answer.get("message").getAsString().contains("has 2 tokens and max_new_tokens is 4096"));
  }

  // OpenAI's schema

  private JsonObject openAiError(int status, String path, String body) throws Exception {
    HttpResponse<byte[]> response = ask(path, body);
    assertEquals(status, response.statusCode(), () -> text(response));
    JsonObject error = object(response).getAsJsonObject("error");
    assertEquals(List.of("message", "type", "param", "code"), keys(error));
    return error;
  }

  @Test
  void aCompletionHasTextReasonAndUsage() throws Exception {
    JsonObject body = answer("/v1/completions", "{'model': 'scripted', 'prompt': 'say(hello)|'}");
    assertEquals("text_completion", body.get("object").getAsString());
    assertEquals("scripted", body.get("model").getAsString());
    assertTrue(body.get("id").getAsString().startsWith("cmpl-"));
    assertJson(
        "{'index': 0, 'text': 'hello', 'logprobs': null, 'finish_reason': 'stop'}",
        choice(body, 0));
    assertJson(
        "{'prompt_tokens': 12, 'completion_tokens': 6, 'total_tokens': 18}", body.get("usage"));
  }

  @Test
  void completionsTakeManyPromptsAndTokens() throws Exception {
    JsonObject body =
        answer(
            "/v1/completions",
            "{'prompt': ['say(a)|', 'say(b)|'], 'n': 2, 'temperature': 0, 'max_tokens': 1}");
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      assertEquals(i, choice(body, i).get("index").getAsInt());
      assertEquals("length", choice(body, i).get("finish_reason").getAsString());
      texts.add(choice(body, i).get("text").getAsString());
    }
    assertEquals(List.of("a", "a", "b", "b"), texts);
    assertEquals(
        16, body.getAsJsonObject("usage").get("prompt_tokens").getAsInt(), "each prompt once");
    String ids = "say(z)|".chars().mapToObj(Integer::toString).collect(Collectors.joining(", "));
    JsonObject tokens = answer("/v1/completions", "{'prompt': [[%s]]}".formatted(ids));
    assertEquals("z", choice(tokens, 0).get("text").getAsString());
  }

  @Test
  void aHarnessCanScoreAPrompt() throws Exception {
    JsonObject body =
        answer(
            "/v1/completions",
            "{'prompt': 'say(ab)|ax', 'echo': true, 'logprobs': 1, 'max_tokens': 1,"
                + " 'temperature': 0}");
    String text = choice(body, 0).get("text").getAsString();
    assertEquals("say(ab)|ax", text, "the model ends after two letters");
    JsonObject logprobs = choice(body, 0).getAsJsonObject("logprobs");
    JsonArray tokens = logprobs.getAsJsonArray("tokens");
    JsonArray scores = logprobs.getAsJsonArray("token_logprobs");
    JsonArray top = logprobs.getAsJsonArray("top_logprobs");
    assertEquals(12, tokens.size(), "BOS, ten bytes, the end");
    assertEquals(12, scores.size());
    assertTrue(scores.get(0).isJsonNull() && top.get(0).isJsonNull());
    assertEquals("a", tokens.get(9).getAsString());
    assertEquals(0, scores.get(9).getAsDouble(), 1e-6);
    assertEquals(List.of("a"), keys(top.get(9).getAsJsonObject()));
    assertEquals("x", tokens.get(10).getAsString());
    assertEquals(-30, scores.get(10).getAsDouble(), 1e-6);
    assertEquals(List.of("b", "x"), keys(top.get(10).getAsJsonObject()), "the likeliest first");
    JsonObject scored =
        answer("/v1/completions", "{'prompt': 'ab', 'echo': true, 'max_tokens': 0}");
    assertEquals("ab", choice(scored, 0).get("text").getAsString());
    assertEquals(0, scored.getAsJsonObject("usage").get("completion_tokens").getAsInt());
  }

  @Test
  void aCompletionStreamsToItsEnd() throws Exception {
    HttpResponse<byte[]> response =
        ask(
            "/v1/completions",
            "{'prompt': 'say(a😀)|', 'stream': true, 'stream_options': {'include_usage': true}}");
    assertEquals("text/event-stream", contentType(response));
    List<JsonObject> chunks = chunks(response);
    List<String> texts =
        chunks.subList(0, chunks.size() - 1).stream()
            .map(chunk -> choice(chunk, 0).get("text").getAsString())
            .toList();
    assertEquals(List.of("a", "😀", ""), texts);
    assertEquals("stop", choice(chunks.get(2), 0).get("finish_reason").getAsString());
    JsonObject last = chunks.get(3);
    assertEquals(0, last.getAsJsonArray("choices").size());
    assertEquals(6, last.getAsJsonObject("usage").get("completion_tokens").getAsInt());
  }

  @Test
  void aChatGoesThroughTheModelsTemplate() throws Exception {
    JsonObject body =
        answer(
            "/v1/chat/completions",
            "{'model': 'scripted', 'messages': [{'role': 'system', 'content': 'be nice'},"
                + " {'role': 'user', 'content': [{'type': 'text', 'text': 'say(hi)'}]}],"
                + " 'logprobs': true, 'top_logprobs': 2}");
    assertEquals("chat.completion", body.get("object").getAsString());
    JsonObject message = choice(body, 0).getAsJsonObject("message");
    assertEquals("assistant", message.get("role").getAsString());
    assertEquals("hi", message.get("content").getAsString());
    JsonArray content = choice(body, 0).getAsJsonObject("logprobs").getAsJsonArray("content");
    assertEquals(3, content.size());
    JsonObject first = content.get(0).getAsJsonObject();
    assertEquals("h", first.get("token").getAsString());
    assertJson("[104]", first.get("bytes"));
    assertEquals(2, first.getAsJsonArray("top_logprobs").size());
    assertEquals(
        "system: be nice\nuser: say(hi)\nassistant|".length(),
        body.getAsJsonObject("usage").get("prompt_tokens").getAsInt(),
        "no BOS beside the template's");
  }

  @Test
  void aChatStreamsRoleTextAndReason() throws Exception {
    HttpResponse<byte[]> response =
        ask(
            "/v1/chat/completions",
            "{'messages': [{'role': 'user', 'content': 'loop(ab)'}], 'stream': true, 'n': 2,"
                + " 'max_completion_tokens': 2, 'temperature': 0}");
    List<JsonObject> chunks = chunks(response);
    for (int i = 0; i < 2; i++) {
      int index = i;
      List<JsonObject> own =
          chunks.stream()
              .map(chunk -> choice(chunk, 0))
              .filter(choice -> choice.get("index").getAsInt() == index)
              .toList();
      assertEquals(4, own.size());
      assertJson("{'role': 'assistant', 'content': ''}", own.get(0).get("delta"));
      assertJson("{'content': 'a'}", own.get(1).get("delta"));
      assertJson("{'content': 'b'}", own.get(2).get("delta"));
      assertJson("{}", own.get(3).get("delta"));
      assertEquals("length", own.get(3).get("finish_reason").getAsString());
    }
    assertEquals(1, chunks.stream().map(chunk -> chunk.get("id")).distinct().count(), "one id");
  }

  @Test
  void anErrorInMidStreamIsAnEvent() throws Exception {
    List<JsonObject> chunks =
        chunks(ask("/v1/completions", "{'prompt': 'nan(2)|', 'stream': true}"));
    JsonObject error = chunks.get(chunks.size() - 1).getAsJsonObject("error");
    assertEquals("block 0 down: NaN in row 0", error.get("message").getAsString());
    assertEquals(
        "server_error",
        openAiError(500, "/v1/completions", "{'prompt': 'die(2)|'}").get("type").getAsString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/v1/chat/completions | {} | messages | messages: expected an array, got nothing",
        "/v1/chat/completions | {'messages': []}"
            + "| messages | messages: expected at least one message, got none",
        "/v1/chat/completions | {'messages': [{'content': 'x'}]}"
            + "| messages[0].role | messages[0].role: expected a string, got nothing",
        "/v1/chat/completions | {'messages': [{'role': 'robot', 'content': 'x'}]}"
            + "| messages | messages: the model's chat template refuses them: unknown role robot",
        "/v1/chat/completions"
            + "| {'messages': [{'role': 'user', 'content': 'x'}], 'temperature': 3}"
            + "| temperature | temperature: expected 0 to 2, got 3.0",
        "/v1/chat/completions | {'messages': [{'role': 'user', 'content': 'x'}],"
            + " 'response_format': {'type': 'json_object'}}"
            + "| response_format.type | response_format.type: expected \"text\","
            + " got \"json_object\": this server does not constrain answers",
        "/v1/completions | {} | prompt | prompt: expected a string or an array, got nothing",
        "/v1/completions | {'prompt': [999]}"
            + "| prompt[0] | prompt[0]: expected a token id below 258, got 999",
        "/v1/completions | {'prompt': 'x', 'n': 'two'}"
            + "| n | n: expected a whole number, got the string \"two\"",
        "/v1/completions | {'prompt': 'x', 'suffix': 'y'}"
            + "| suffix | suffix: not supported by this server; leave it out",
        "/v1/completions | {'prompt': 'x', 'presence_penalty': 9}"
            + "| presence_penalty | presence_penalty: expected -2 to 2, got 9",
      })
  void openAiErrorsNameTheParameter(String path, String body, String param, String message)
      throws Exception {
    JsonObject error = openAiError(400, path, body);
    assertEquals(message, error.get("message").getAsString());
    assertEquals(param, error.get("param").getAsString());
    assertEquals("invalid_request_error", error.get("type").getAsString());
  }

  @Test
  void anUnknownModelIsNotFound() throws Exception {
    JsonObject error = openAiError(404, "/v1/completions", "{'model': 'gpt-4', 'prompt': 'x'}");
    assertEquals("model_not_found", error.get("code").getAsString());
    assertEquals("model", error.get("param").getAsString());
  }

  @Test
  void openAiBodiesOnDjlsRoutesStreamLinesOrEvents() throws Exception {
    String messages = "'messages': [{'role': 'user', 'content': 'say(a)'}]";
    JsonObject whole = answer(PREDICTIONS, "{%s}".formatted(messages));
    assertEquals("chat.completion", whole.get("object").getAsString());
    HttpResponse<byte[]> lines = ask("/invocations", "{%s, 'stream': true}".formatted(messages));
    assertEquals("application/jsonlines", contentType(lines));
    assertEquals(3, lines(lines).size());
    HttpResponse<byte[]> events =
        ask("/invocations", "{%s, 'stream': true, 'model': 'scripted'}".formatted(messages));
    assertEquals("text/event-stream", contentType(events));
    assertEquals(3, chunks(events).size());
    HttpResponse<byte[]> error = ask(PREDICTIONS, "{'prompt': 5}");
    assertEquals(400, error.statusCode());
    assertEquals(
        "prompt: expected a string, got the number 5", object(error).get("error").getAsString());
  }

  // Clients

  @Test
  void eachOfEightAtOnceGetsItsOwnAnswer() throws Exception {
    ExecutorService clients = Executors.newFixedThreadPool(8);
    try {
      List<Future<String>> answers =
          IntStream.range(0, 8)
              .mapToObj(
                  i ->
                      clients.submit(
                          () ->
                              answer(
                                      PREDICTIONS,
                                      "{'inputs': 'say(%s)|', 'parameters': {'max_tokens': 99}}"
                                          .formatted(word(i)))
                                  .get("generated_text")
                                  .getAsString()))
              .toList();
      for (int i = 0; i < 8; i++) {
        assertEquals(word(i), answers.get(i).get());
      }
    } finally {
      clients.shutdownNow();
    }
  }

  private static String word(int i) {
    return "answer %d ".formatted(i).repeat(1 + i);
  }

  @Test
  void aClientThatHangsUpEndsItsGeneration() throws Exception {
    URI uri = URI.create(baseUrl());
    String body =
        "{\"inputs\": \"slow(x)|\", \"stream\": true, \"parameters\": {\"max_new_tokens\": 4000}}";
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      OutputStream out = socket.getOutputStream();
      out.write(
          "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
              .formatted(PREDICTIONS, body.length(), body)
              .getBytes(StandardCharsets.US_ASCII));
      byte[] start = socket.getInputStream().readNBytes(15);
      assertEquals("HTTP/1.1 200 OK", new String(start, StandardCharsets.US_ASCII));
      assertEquals(1, running());
    }
    while (running() > 0) { // 8 s of generation are left; a hang-up that is not seen times out
      Thread.sleep(5);
    }
    String metrics = text(get(baseUrl() + "/calm/metrics"));
    assertTrue(
        metrics.contains(
            "calm_requests_total{model=\"scripted\",variant=\"calm\",outcome=\"cancelled\",}"),
        metrics);
  }

  private int running() throws Exception {
    JsonObject model = object(get(baseUrl() + "/calm/models/scripted"));
    return model.getAsJsonObject("load").get("running").getAsInt();
  }

  // Pages

  @Test
  void modelsAreListed() throws Exception {
    JsonObject list = object(get(baseUrl() + "/v1/models"));
    assertJson(
        "{'object': 'list', 'data': [{'id': 'scripted', 'object': 'model', 'created': 1700000000,"
            + " 'owned_by': 'calm', 'max_model_len': 4096}]}",
        list);
    JsonObject ready = object(get(baseUrl() + "/calm/ready"));
    assertJson("{'ready': true, 'models': {'scripted': 'ready'}}", ready);
    JsonObject models = object(get(baseUrl() + "/calm/models"));
    assertEquals(
        "calm",
        models.getAsJsonArray("models").get(0).getAsJsonObject().get("variant").getAsString());
  }

  @Test
  void aModelTellsItsPlanAndScores() throws Exception {
    JsonObject plan = object(get(baseUrl() + "/calm/models/scripted")).getAsJsonObject("plan");
    assertEquals(2, plan.get("evaluations").getAsInt());
    JsonObject block = plan.getAsJsonArray("blocks").get(0).getAsJsonObject();
    assertEquals("awq", block.get("algorithm").getAsString());
    JsonObject candidates = block.getAsJsonObject("candidates");
    assertEquals(0.999, candidates.getAsJsonObject("awq").get("score").getAsDouble());
    assertTrue(candidates.getAsJsonObject("gptq").get("score").isJsonNull());
    assertEquals(
        "Cholesky failed", candidates.getAsJsonObject("gptq").get("failure").getAsString());
  }

  @Test
  void metricsCountRequestsAndTokens() throws Exception {
    answer(PREDICTIONS, "{'inputs': 'say(hello)|'}");
    HttpResponse<byte[]> response = get(baseUrl() + "/calm/metrics");
    assertTrue(contentType(response).startsWith("text/plain"));
    String text = text(response);
    for (String name :
        List.of(
            "calm_requests_total{model=\"scripted\",variant=\"calm\",outcome=\"eos_token\",}",
            "calm_generated_tokens_total{model=\"scripted\",variant=\"calm\",}",
            "calm_time_to_first_token_seconds_count{model=\"scripted\",variant=\"calm\",}",
            "calm_model_ready{model=\"scripted\",variant=\"calm\",} 1.0")) {
      assertTrue(text.contains(name), name + " is missing in\n" + text);
    }
  }
}
