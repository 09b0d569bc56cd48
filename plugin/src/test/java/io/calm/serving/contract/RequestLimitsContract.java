package io.calm.serving.contract;

import static io.calm.testing.HttpClients.choice;
import static io.calm.testing.HttpClients.chunks;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Contract of the limits of a request that hold before any work is done for it, and of its cost for
 * other requests.
 */
interface RequestLimitsContract extends ScriptedServer {
  String COMPLETIONS = "/v1/completions";
  String CHAT = "/v1/chat/completions";

  // A chat's length

  @Test
  default void aChatWithoutALengthGetsWhatTheContextLeaves() throws Exception {
    JsonObject body =
        answer(
            CHAT,
            "{'messages': [{'role': 'user', 'content': 'loop(ab)'}], 'temperature': 0,"
                + " 'ignore_eos': true}");
    int prompt = "user: loop(ab)\nassistant|".length();
    assertEquals("length", choice(body, 0).get("finish_reason").getAsString());
    assertEquals(4096 - prompt, body.getAsJsonObject("usage").get("completion_tokens").getAsInt());
  }

  @Test
  default void aCompletionWithoutALengthHasOpenAisSixteen() throws Exception {
    JsonObject body = answer(COMPLETIONS, "{'prompt': 'loop(ab)|', 'temperature': 0}");
    assertEquals(16, body.getAsJsonObject("usage").get("completion_tokens").getAsInt());
  }

  @Test
  default void chatsOfWholeContextsRunBesideEachOther() throws Exception {
    String chat = "{'messages': [{'role': 'user', 'content': '%s'}], 'n': 8, 'temperature': 0}";
    JsonObject body = answer(CHAT, chat.formatted("say(so)"));
    assertEquals(8, body.getAsJsonArray("choices").size());
    assertEquals(24, body.getAsJsonObject("usage").get("completion_tokens").getAsInt());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/v1/completions | {'prompt': 'x', 'max_tokens': 4096} | max_tokens",
        "/v1/chat/completions | {%s, 'max_tokens': 4096} | max_tokens",
        "/v1/chat/completions | {%s, 'max_completion_tokens': 4096} | max_completion_tokens",
        "/predictions/scripted | {'inputs': 'x', 'parameters': {'max_new_tokens': 4096}}"
            + "| max_new_tokens",
        "/predictions/scripted | {'inputs': 'x', 'parameters': {'max_tokens': 4096}} | max_tokens",
      })
  default void anAnswerBeyondTheContextNamesTheKeyThatWasSent(String path, String body, String key)
      throws Exception {
    HttpResponse<byte[]> response =
        ask(path, body.replace("%s", "'messages': [{'role': 'user', 'content': 'x'}]"));
    assertEquals(400, response.statusCode(), () -> text(response));
    String expected = "tokens and %s is 4096, together ".formatted(key);
    assertTrue(text(response).contains(expected), () -> text(response));
  }

  @Test
  default void aPromptThatFillsTheContextIsRefusedByItsKey() throws Exception {
    String ids = IntStream.range(0, 4096).mapToObj(i -> "97").collect(Collectors.joining(","));
    JsonObject error = openAiError(400, COMPLETIONS, "{'prompt': [%s]}".formatted(ids));
    assertEquals("prompt", error.get("param").getAsString());
    assertEquals("context_length_exceeded", error.get("code").getAsString());
    String chat = "{'messages': [{'role': 'user', 'content': '%s'}]}";
    JsonObject refused =
        openAiError(400, CHAT, chat.formatted("x".repeat(4096 - "user: \nassistant|".length())));
    assertEquals("messages", refused.get("param").getAsString());
  }

  /** Words that LiteLLM and LangChain search for, since OpenAI's client shows only the message. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "'max_tokens': 1, 'prompt': '%5000s'",
        "'prompt': '%5000s'",
        "'prompt': '%4095s'",
        "'prompt': '%70000s'",
        "'prompt': '%3000000s'"
      })
  default void aContextOverflowIsToldInTheWordsThatClientsLookFor(String body) throws Exception {
    JsonObject error = openAiError(400, COMPLETIONS, "{" + body.formatted("x") + "}");
    String message = error.get("message").getAsString();
    assertTrue(message.contains("prompt is too long"), message);
    assertTrue(message.contains("this model's maximum context length is 4096 tokens"), message);
  }

  /** A client that shortens its prompts at "prompt is too long" would do so in vain. */
  @Test
  default void anAnswerThatIsTooLongIsNotAPromptThatIs() throws Exception {
    JsonObject error = openAiError(400, COMPLETIONS, "{'prompt': 'x', 'max_tokens': 4096}");
    String message = error.get("message").getAsString();
    assertTrue(
        message.startsWith("this model's maximum context length is 4096 tokens, but the prompt"),
        message);
    assertEquals("context_length_exceeded", error.get("code").getAsString());
  }

  // Numbers

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'max_tokens': 99999999999999"
            + "| max_tokens: expected 0 to 2147483647, got 99999999999999",
        "'max_tokens': -1 | max_tokens: expected 0 to 2147483647, got -1",
        "'max_tokens': 1e999999999"
            + "| max_tokens: expected a whole number from 0 to 2147483647,"
            + " got the number 1e999999999",
        "'max_tokens': 2.5"
            + "| max_tokens: expected a whole number from 0 to 2147483647, got the number 2.5",
        "'min_tokens': 99999999999 | min_tokens: expected 0 to 2147483647, got 99999999999",
        "'top_k': 99999999999 | top_k: expected -1 to 2147483647, got 99999999999",
        "'n': 99999999999 | n: expected 1 to 128, got 99999999999",
        "'best_of': 129 | best_of: expected 1 to 128, got 129",
        "'logprobs': 21 | logprobs: expected 0 to 20, got 21",
        "'seed': 1e400 | seed: expected a whole number from -9223372036854775808 to"
            + " 9223372036854775807, got the number 1e400",
      })
  default void aWholeNumberOutOfRangeNamesBothBounds(String key, String message) throws Exception {
    JsonObject error = openAiError(400, COMPLETIONS, "{'prompt': 'x', %s}".formatted(key));
    assertEquals(message, error.get("message").getAsString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'prompt': [97, 258] | prompt[1] | prompt[1]: expected a token id below 258, got 258",
        "'prompt': [[97], [-1]]"
            + "| prompt[1][0] | prompt[1][0]: expected a token id below 258, got -1",
        "'prompt': [[97], [97, 99999999999]] | prompt[1][1]"
            + "| prompt[1][1]: expected a token id below 258, got 99999999999",
        "'prompt': [[97], []] | prompt[1]"
            + "| prompt[1]: expected at least one token, got an empty prompt",
        "'prompt': [[97], [97, 'b']] | prompt[1][1]"
            + "| prompt[1][1]: expected a whole number, got the string \"b\"",
        "'prompt': {'a': [1]} | prompt | prompt: expected a string or an array, got an object",
        "'prompt': 'x', 'stop_token_ids': [258] | stop_token_ids[0]"
            + "| stop_token_ids[0]: expected a token id below 258, got 258",
        "'prompt': 'x', 'stop_token_ids': [-1] | stop_token_ids[0]"
            + "| stop_token_ids[0]: expected a token id below 258, got -1",
        "'prompt': 'x', 'logit_bias': {'-1': 1} | logit_bias.-1"
            + "| logit_bias.-1: expected a token id below 258 as the key, got \"-1\"",
      })
  default void aTokenIdThatTheModelDoesNotHaveIsNamed(String keys, String param, String message)
      throws Exception {
    JsonObject error = openAiError(400, COMPLETIONS, "{%s}".formatted(keys));
    assertEquals(message, error.get("message").getAsString());
    assertEquals(param, error.get("param").getAsString());
  }

  // Sizes

  /** Bodies of megabytes, and the expected message. */
  static List<Map.Entry<String, String>> largeBodies() {
    String ids = "1" + ",1".repeat(1_000_000);
    return List.of(
        Map.entry(
            "{'prompt': [" + ids + "]}", "prompt: the prompt is too long: it has 1000001 tokens"),
        Map.entry(
            "{'prompt': [[97],[" + ids + "]]}",
            "prompt[1]: the prompt is too long: it has 1000001 tokens"),
        Map.entry("{'prompt': 'x', 'x': [" + ids + "]}", "expected at most 100000 values"),
        Map.entry("{'prompt': ['a'" + ",'a'".repeat(200_000) + "]}", "at most 100000 values"),
        Map.entry("{'prompt': [[1]" + ",[1]".repeat(200_000) + "]}", "at most 100000 values"),
        Map.entry(
            "{'prompt': ['a'" + ",'a'".repeat(1000) + "]}", "sequences in one request, got 1001"),
        Map.entry(
            "{'prompt': 'x', 'n': 50, 'max_tokens': 3900, 'logprobs': 20}",
            "logprobs: expected at most 3000000 alternatives in one answer, got up to 3900000"),
        Map.entry("{'prompt': ['a','a'], 'n': 100}", "sequences in one request, got 200"),
        Map.entry(
            "{'prompt': '" + "a".repeat(3_000_000) + "'}",
            "prompt: the prompt is too long: it has 3000000"),
        Map.entry(
            "{'prompt': '" + " a".repeat(40_000) + "'}",
            "prompt: the prompt is too long: it has 80000"),
        Map.entry("{'prompt': 'x', 'top_p': 0." + "1".repeat(1_000_000) + "}", "$.top_p"),
        Map.entry("{'prompt': 'x', 'seed': " + "9".repeat(1_000_000) + "}", "at most 400"),
        Map.entry(
            "{'prompt': 'x', 'stop': ['s'" + ",'s'".repeat(32) + "]}",
            "stop: expected at most 32 strings, got 33"),
        Map.entry(
            "{'prompt': 'x', 'stop': '" + "s".repeat(1025) + "'}",
            "stop: expected strings of at most 1024 characters, got one of 1025"),
        Map.entry(
            "{'prompt': 'x', 'stop_token_ids': [1" + ",1".repeat(5000) + "]}",
            "stop_token_ids: expected at most 4096 token ids, got 5001"),
        Map.entry(
            "{'prompt': 'x', 'logit_bias': {%s}}"
                .formatted(
                    IntStream.range(0, 5000)
                        .mapToObj("'%d': 1"::formatted)
                        .collect(Collectors.joining(","))),
            "logit_bias: expected at most 4096 token ids, got 5000"));
  }

  @ParameterizedTest
  @MethodSource("io.calm.serving.contract.RequestLimitsContract#largeBodies")
  default void aBodyThatAsksForTooMuchIsRefused(Map.Entry<String, String> body) throws Exception {
    JsonObject error = openAiError(400, COMPLETIONS, body.getKey());
    String message = error.get("message").getAsString();
    assertTrue(message.contains(body.getValue()), message);
    assertTrue(message.length() < 500, "the client's own bytes do not come back");
  }

  @Test
  default void manyMessagesAreRefused() throws Exception {
    String message = "{'role': 'user', 'content': ''}";
    JsonObject error =
        openAiError(
            400, CHAT, "{'messages': [%s]}".formatted(message + ("," + message).repeat(5000)));
    assertTrue(error.get("message").getAsString().contains("expected at most 4096 messages"));
    String long1 = "{'role': 'user', 'content': '%s'}".formatted("a".repeat(40_000));
    JsonObject text = openAiError(400, CHAT, "{'messages': [%s, %s]}".formatted(long1, long1));
    assertTrue(
        text.get("message").getAsString().contains("messages: the prompt is too long: it has 80"));
  }

  @Test
  default void djlsInputsHaveTheSameLimits() throws Exception {
    Map<String, String> bodies =
        Map.of(
            "{'inputs': ['a'" + ",'a'".repeat(1000) + "]}",
            "sequences in one request, got 1001",
            "{'inputs': ['a'" + ",'a'".repeat(200_000) + "]}",
            "expected at most 100000 values",
            "{'inputs': ['a', 'b'], 'parameters': {'n': 100}}",
            "sequences in one request, got 200",
            "{'inputs': '" + "a".repeat(3_000_000) + "'}",
            "inputs: the prompt is too long: it has 3000000 characters",
            "{'inputs': 'a', 'parameters': {'stop_token_ids': [258]}}",
            "parameters.stop_token_ids[0]: expected a token id below 258, got 258");
    for (Map.Entry<String, String> body : bodies.entrySet()) {
      HttpResponse<byte[]> response = ask(PREDICTIONS, body.getKey());
      assertEquals(400, response.statusCode());
      String message = object(response).get("error").getAsString();
      assertTrue(message.contains(body.getValue()), message);
    }
  }

  @Test
  default void aLongInputIsTruncatedToItsLastTokens() throws Exception {
    String body = "{'inputs': '%s', 'parameters': {'truncate': %d, 'details': true}}";
    String text = "some words ".repeat(200_000) + "say(end)|";
    JsonObject answer = answer(PREDICTIONS, body.formatted(text, 9));
    assertEquals("end", answer.get("generated_text").getAsString());
    HttpResponse<byte[]> unbroken = ask(PREDICTIONS, body.formatted("a".repeat(2_000_000), 9));
    assertEquals(400, unbroken.statusCode());
    assertEquals(
        "inputs: expected at most 1048576 characters, or space-separated words, got 2000000"
            + " characters",
        object(unbroken).get("error").getAsString());
  }

  // Parts of a message

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'type': 'text', 'text': 'say(hi)'}",
        "{'type': 'input_text', 'text': 'say(hi)'}",
        "{'type': 'output_text', 'text': 'say(hi)', 'annotations': []}",
        "{'type': 'refusal', 'refusal': 'say(hi)'}",
        "{'refusal': 'say(hi)'}",
        "{'type': 'thinking', 'thinking': 'say(hi)', 'signature': 's'}",
        "{'type': 'reasoning', 'reasoning': 'say(hi)'}",
        "{'type': 'reasoning', 'text': 'say(hi)'}",
        "{'text': 'say(hi)'}",
        "'say(hi)'",
      })
  default void aPartThatIsTextIsRead(String part) throws Exception {
    String body =
        "{'messages': [{'role': 'user', 'content': 'x'},"
            + " {'role': 'assistant', 'content': [%s, 'and']}, {'role': 'user', 'content': 'y'}]}";
    JsonObject answer = answer(CHAT, body.formatted(part));
    assertEquals("hi", choice(answer, 0).getAsJsonObject("message").get("content").getAsString());
    assertEquals(
        "user: x\nassistant: say(hi)\nand\nuser: y\nassistant|".length(),
        answer.getAsJsonObject("usage").get("prompt_tokens").getAsInt());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'type': 'image_url', 'image_url': {'url': 'x'}}"
            + "| [0].type: expected a part of type text, got \"image_url\"; this model reads text only",
        "{'type': 'input_audio'} | [0].type: expected a part of type text, got \"input_audio\"; this model reads text only",
        "{'type': 'refusal'} | [0].refusal: expected a string, got nothing",
        "{'type': 'text', 'text': 5} | [0].text: expected a string, got the number 5",
        "5 | [0]: expected a string, or an object with type and text, got the number 5",
      })
  default void aPartThatIsNotTextIsNamed(String part, String message) throws Exception {
    JsonObject error =
        openAiError(400, CHAT, "{'messages': [{'role': 'user', 'content': [%s]}]}".formatted(part));
    assertEquals("messages[0].content" + message, error.get("message").getAsString());
  }

  @Test
  default void aChatGoesOnWithTheLastPartOfItsLastMessage() throws Exception {
    JsonObject body =
        answer(
            CHAT,
            "{'messages': [{'role': 'user', 'content': 'say(abc)'},"
                + " {'role': 'assistant', 'content': ['so', {'type': 'text', 'text': '|a'}]}],"
                + " 'add_generation_prompt': false, 'continue_final_message': true}");
    assertEquals("bc", choice(body, 0).getAsJsonObject("message").get("content").getAsString());
  }

  // Messages

  @Test
  default void aClientsWordsComeBackOnOneShortLine() throws Exception {
    String long1 = "\\u0007\\n" + "k".repeat(100_000);
    for (String body :
        List.of(
            "{'prompt': 'x', 'logit_bias': {'%s': 1}}",
            "{'prompt': 'x', 'n': '%s'}",
            "{'model': '%s', 'prompt': 'x'}",
            "{'prompt': 'x', 'response_format': {'type': '%s'}}",
            "{'prompt': 'x', 'a': {'%s': 1, '%<s': 1}}")) {
      HttpResponse<byte[]> response = ask(COMPLETIONS, body.formatted(long1));
      assertTrue(response.statusCode() == 400 || response.statusCode() == 404);
      String message = object(response).getAsJsonObject("error").get("message").getAsString();
      assertTrue(message.length() < 700, () -> message.length() + " characters");
      assertTrue(message.chars().noneMatch(c -> c < ' '), message);
    }
  }

  // Neighbours

  @Test
  default void aRequestThatFailsInAStepEndsAlone() throws Exception {
    String slow = "{'prompt': 'slow(ab)|', 'max_tokens': 300, 'stream': true, 'temperature': 0}";
    Thread[] neighbours = new Thread[3];
    String[] texts = new String[neighbours.length];
    for (int i = 0; i < neighbours.length; i++) {
      int index = i;
      neighbours[i] =
          new Thread(
              () -> {
                try {
                  texts[index] =
                      chunks(ask(COMPLETIONS, slow)).stream()
                          .map(chunk -> choice(chunk, 0).get("text").getAsString())
                          .collect(Collectors.joining());
                } catch (Exception e) {
                  texts[index] = e.toString();
                }
              });
      neighbours[i].start();
    }
    for (int i = 0; i < 10; i++) {
      assertEquals(500, ask(COMPLETIONS, "{'prompt': 'die(1)|'}").statusCode());
      assertEquals(500, ask(COMPLETIONS, "{'prompt': 'nan(1)|'}").statusCode());
    }
    for (int i = 0; i < neighbours.length; i++) {
      neighbours[i].join();
      assertEquals("ab".repeat(150), texts[i]);
    }
  }
}
