package io.calm.serving.contract;

import static io.calm.testing.HttpClients.assertJson;
import static io.calm.testing.HttpClients.choice;
import static io.calm.testing.HttpClients.contentType;
import static io.calm.testing.HttpClients.json;
import static io.calm.testing.HttpClients.lines;
import static io.calm.testing.HttpClients.object;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.net.http.HttpResponse;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The requests of DJL Serving's own integration client ({@code tests/integration/llm/client.py}),
 * which looks at little more than the status, with their bodies asserted. The scripted model goes
 * on with {@code ?} after its sentences, and says {@code ok} to a chat.
 */
interface IntegrationClientContract extends ScriptedServer {
  String INVOCATIONS = "/invocations";
  String SENTENCE = "DeepSpeed is a machine learning framework";
  String CHAT =
      "{'messages': [{'role': 'user', 'content': 'hello, can you help me?'}, {'role': 'assistant',"
          + " 'content': 'Hi, what can i help you with today?'}, {'role': 'user', 'content': 'What"
          + " is deep learning in your opinion? How does it help human?'}], 'max_tokens': 256,"
          + " 'logprobs': true, 'top_logprobs': 1, 'stream': %s}";

  /** {@code huggingface}: as many inputs as the batch size, always an array. */
  @ParameterizedTest
  @CsvSource({"1, 64", "2, 16", "4, 32", "8, 64"})
  default void aBatchAnswersEachOfItsInputs(int batch, int length) throws Exception {
    String inputs = String.join(", ", Collections.nCopies(batch, "'" + SENTENCE + "'"));
    String body =
        "{'inputs': [%s], 'parameters': {'max_new_tokens': %d}, 'stream': "
            .formatted(inputs, length);

    HttpResponse<byte[]> whole = ask(INVOCATIONS, body + "false}");
    assertEquals("application/json", contentType(whole));
    JsonArray answers = json(whole).getAsJsonArray();
    assertEquals(batch, answers.size());
    for (JsonElement answer : answers) {
      assertJson("{'generated_text': '" + "?".repeat(length) + "'}", answer);
    }

    HttpResponse<byte[]> streamed = ask(INVOCATIONS, body + "true}");
    assertEquals("application/jsonlines", contentType(streamed));
    List<JsonObject> steps = lines(streamed);
    assertEquals(length, steps.size());
    String outputs = String.join(", ", Collections.nCopies(batch, "'?'"));
    for (JsonObject step : steps) {
      assertJson("{'outputs': [" + outputs + "]}", step);
    }
  }

  /** {@code vllm} and {@code vllm_neo}. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  default void oneInputWithDetails(boolean stream) throws Exception {
    HttpResponse<byte[]> response =
        ask(
            INVOCATIONS,
            "{'inputs': '%s', 'parameters': {'do_sample': true, 'max_new_tokens': 256, 'details': true},"
                    .formatted(SENTENCE)
                + " 'stream': %s}".formatted(stream));
    assertEquals(200, response.statusCode());
    JsonObject last;
    if (stream) {
      List<JsonObject> lines = lines(response);
      assertEquals(256, lines.size());
      last = lines.get(255);
    } else {
      last = object(response);
      assertEquals(256, last.getAsJsonObject("details").getAsJsonArray("tokens").size());
    }
    assertEquals("?".repeat(256), last.get("generated_text").getAsString());
    JsonObject details = last.getAsJsonObject("details");
    assertEquals("length", details.get("finish_reason").getAsString());
    assertEquals(256, details.get("generated_tokens").getAsInt());
    assertEquals(SENTENCE, details.get("inputs").getAsString());
  }

  /** {@code vllm mistral-7b}. */
  @Test
  default void theInputsTokensAreInTheDetails() throws Exception {
    JsonObject details =
        answer(
                INVOCATIONS,
                "{'inputs': '%s', 'parameters': {'do_sample': true, 'max_new_tokens': 8,"
                        .formatted(SENTENCE)
                    + " 'details': true, 'decoder_input_details': true}, 'stream': false}")
            .getAsJsonObject("details");
    JsonArray prefill = details.getAsJsonArray("prefill");
    assertEquals(details.get("input_length").getAsInt(), prefill.size());
    for (JsonElement token : prefill.asList().subList(1, prefill.size())) {
      assertTrue(token.getAsJsonObject().get("log_prob").getAsDouble() <= 0, token.toString());
    }
  }

  /** {@code vllm_chat}, not streamed. */
  @Test
  default void aChatWithLogprobs() throws Exception {
    JsonObject body = answer(INVOCATIONS, CHAT.formatted(false));
    assertEquals("chat.completion", body.get("object").getAsString());
    JsonObject choice = choice(body, 0);
    assertEquals("ok", choice.getAsJsonObject("message").get("content").getAsString());
    assertEquals("stop", choice.get("finish_reason").getAsString());
    JsonArray content = choice.getAsJsonObject("logprobs").getAsJsonArray("content");
    assertEquals("o", content.get(0).getAsJsonObject().get("token").getAsString());
    for (JsonElement token : content) {
      assertEquals(1, token.getAsJsonObject().getAsJsonArray("top_logprobs").size());
    }
  }

  /** {@code vllm_chat}, streamed: lines, for it names no model. */
  @Test
  default void aChatAsLines() throws Exception {
    HttpResponse<byte[]> response = ask(INVOCATIONS, CHAT.formatted(true));
    assertEquals("application/jsonlines", contentType(response));
    StringBuilder said = new StringBuilder();
    for (JsonObject chunk : lines(response)) {
      assertEquals("chat.completion.chunk", chunk.get("object").getAsString());
      JsonObject delta = choice(chunk, 0).getAsJsonObject("delta");
      said.append(delta.has("content") ? delta.get("content").getAsString() : "");
    }
    assertEquals("ok", said.toString());
    assertFalse(response.headers().firstValue("content-length").isPresent());
  }
}
