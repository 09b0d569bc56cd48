package io.calm.serving.contract;

import static io.calm.testing.HttpClients.assertJson;
import static io.calm.testing.HttpClients.choice;
import static io.calm.testing.HttpClients.chunks;
import static io.calm.testing.HttpClients.contentType;
import static io.calm.testing.HttpClients.events;
import static io.calm.testing.HttpClients.keys;
import static io.calm.testing.HttpClients.lines;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Contract of the requests and answers of OpenAI's schema. */
interface OpenAiSchemaContract extends ScriptedServer {
  @Test
  default void aCompletionHasTextReasonAndUsage() throws Exception {
    JsonObject body = answer("/v1/completions", "{'model': 'scripted', 'prompt': 'say(hello)|'}");
    assertEquals("text_completion", body.get("object").getAsString());
    assertEquals("scripted", body.get("model").getAsString());
    assertTrue(body.get("id").getAsString().startsWith("cmpl-"));
    assertJson(
        "{'index': 0, 'text': 'hello', 'logprobs': null, 'finish_reason': 'stop'}",
        choice(body, 0));
    assertJson(
        "{'prompt_tokens': 12, 'completion_tokens': 6, 'total_tokens': 18,"
            + " 'prompt_tokens_details': {'cached_tokens': 0}}",
        body.get("usage"));
  }

  @Test
  default void completionsTakeManyPromptsAndTokens() throws Exception {
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
  default void aHarnessCanScoreAPrompt() throws Exception {
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
  default void aCompletionStreamsToItsEnd() throws Exception {
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
  default void aChatGoesThroughTheModelsTemplate() throws Exception {
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
  default void aChatStreamsRoleTextAndReason() throws Exception {
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
  default void anErrorInMidStreamIsAnEvent() throws Exception {
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
        "/v1/chat/completions | {'messages': [{'role': 'user', 'content': 5}]}"
            + "| messages[0].content | messages[0].content: expected a string or an array of parts"
            + " of text, got the number 5",
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
        "/v1/completions | {'prompt': null}"
            + "| prompt | prompt: expected a string or an array, got nothing",
        "/v1/completions | {'prompt': 5}"
            + "| prompt | prompt: expected a string or an array, got the number 5",
        "/v1/completions | {'prompt': [null]}"
            + "| prompt[0] | prompt[0]: expected a string or an array of token ids, got null",
        "/v1/completions | {'prompt': ['a', 5]}"
            + "| prompt[1] | prompt[1]: expected a string or an array of token ids,"
            + " got the number 5",
        "/v1/completions | {'prompt': [999]}"
            + "| prompt[0] | prompt[0]: expected a token id below 258, got 999",
        "/v1/completions | {'prompt': 'x', 'n': 'two'}"
            + "| n | n: expected a whole number, got the string \"two\"",
        "/v1/completions | {'prompt': 'x', 'suffix': 'y'}"
            + "| suffix | suffix: not supported by this server; leave it out",
        "/v1/completions | {'prompt': 'x', 'prompt_embeds': 'AAAA'}"
            + "| prompt_embeds | prompt_embeds: not supported by this server; leave it out",
        "/v1/completions | {'prompt': 'x', 'presence_penalty': 9}"
            + "| presence_penalty | presence_penalty: expected -2 to 2, got 9",
      })
  default void openAiErrorsNameTheParameter(String path, String body, String param, String message)
      throws Exception {
    JsonObject error = openAiError(400, path, body);
    assertEquals(message, error.get("message").getAsString());
    assertEquals(param, error.get("param").getAsString());
    assertEquals("invalid_request_error", error.get("type").getAsString());
  }

  @Test
  default void anUnknownModelIsNotFound() throws Exception {
    JsonObject error = openAiError(404, "/v1/completions", "{'model': 'gpt-4', 'prompt': 'x'}");
    assertEquals("model_not_found", error.get("code").getAsString());
    assertEquals("model", error.get("param").getAsString());
    String message = error.get("message").getAsString();
    assertTrue(message.startsWith("model 'gpt-4' does not exist; there is ["), message);
  }

  @Test
  default void anEmptyModelNameIsShown() throws Exception {
    JsonObject error = openAiError(404, "/v1/completions", "{'model': '', 'prompt': 'x'}");
    String message = error.get("message").getAsString();
    assertTrue(message.startsWith("model '' does not exist; there is ["), message);
  }

  @Test
  default void openAiBodiesOnDjlsRoutesStreamLinesOrEvents() throws Exception {
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
        "prompt: expected a string or an array, got the number 5",
        object(error).get("error").getAsString());
  }
}
