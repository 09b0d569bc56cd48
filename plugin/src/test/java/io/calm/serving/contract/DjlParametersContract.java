package io.calm.serving.contract;

import static io.calm.testing.HttpClients.assertJson;
import static io.calm.testing.HttpClients.contentType;
import static io.calm.testing.HttpClients.events;
import static io.calm.testing.HttpClients.lines;
import static io.calm.testing.HttpClients.object;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Contract of the parameters of DJL's schema. */
interface DjlParametersContract extends ScriptedServer {
  private JsonObject with(String input, String parameters) throws Exception {
    return answer(PREDICTIONS, "{'inputs': '%s', 'parameters': {%s}}".formatted(input, parameters));
  }

  private String text(String input, String parameters) throws Exception {
    return with(input, parameters).get("generated_text").getAsString();
  }

  private JsonObject details(String input, String parameters) throws Exception {
    return with(input, "'details': true, " + parameters).getAsJsonObject("details");
  }

  @Test
  default void anArrayStreamsOneLineAStep() throws Exception {
    String body = "{'inputs': ['say(ab)|', 'say(é)|', 'say(z)|'], 'stream': true}";
    HttpResponse<byte[]> response = ask(PREDICTIONS, body);
    assertEquals("application/jsonlines", contentType(response));
    List<JsonObject> expected =
        List.of("['a', '', 'z']", "['b', 'é', '']", "['', '', '']").stream()
            .map(outputs -> "{'outputs': " + outputs + "}")
            .map(line -> JsonParser.parseString(line.replace('\'', '"')).getAsJsonObject())
            .toList();
    assertEquals(expected, lines(response));
    HttpResponse<byte[]> events = ask(PREDICTIONS, body, "Accept", "text/event-stream");
    assertEquals("text/event-stream", contentType(events));
    assertEquals(
        expected.stream().map(JsonObject::toString).toList(), events(events), "the same as events");
  }

  @Test
  default void anArrayOfOneStreamsOutputsToo() throws Exception {
    List<JsonObject> lines =
        lines(
            ask(
                "/invocations",
                "{'inputs': ['loop(ab)|'], 'stream': true,"
                    + " 'parameters': {'max_new_tokens': 2, 'details': true}}"));
    assertEquals(2, lines.size());
    assertJson("{'outputs': ['a']}", lines.get(0));
  }

  @Test
  default void aStreamedArrayHasNoFullText() throws Exception {
    String inputs = "{'inputs': %s, 'stream': true, 'parameters': {'return_full_text': true}}";
    JsonObject refused = object(ask(PREDICTIONS, inputs.formatted("['say(a)|', 'say(b)|']")));
    assertEquals(400, refused.get("code").getAsInt());
    String message = refused.get("message").getAsString();
    assertTrue(
        message.startsWith("stream: cannot be true with parameters.return_full_text"), message);
    List<JsonObject> lines = lines(ask(PREDICTIONS, inputs.formatted("'say(a)|'")));
    assertEquals("a", lines.get(0).getAsJsonObject("token").get("text").getAsString());
    assertEquals("say(a)|a", lines.get(1).get("generated_text").getAsString());
  }

  @Test
  default void anErrorInAnArrayIsTheLastLine() throws Exception {
    List<JsonObject> lines =
        lines(ask(PREDICTIONS, "{'inputs': ['loop(a)|', 'nan(2)|'], 'stream': true}"));
    assertEquals(3, lines.size());
    assertJson("{'outputs': ['a', 'x']}", lines.get(1));
    assertEquals("error", lines.get(2).get("finish_reason").getAsString());
    assertEquals("block 0 down: NaN in row 0", lines.get(2).get("error").getAsString());
  }

  @Test
  default void samplingThatIsOffIsGreedy() throws Exception {
    for (String off :
        List.of(
            "'top_k': -1, 'top_p': 1.0",
            "'top_k': 0",
            "'min_p': 0.0",
            "'temperature': 0.0",
            "'do_sample': true, 'temperature': 0",
            "'do_sample': false, 'top_p': 0.9, 'top_k': 5, 'min_p': 0.1",
            "'seed': 5, 'repetition_penalty': 1.0")) {
      assertEquals("0".repeat(8), text("dice()|", off + ", 'max_new_tokens': 8"), off);
    }
    for (String on : List.of("'top_k': 10", "'top_p': 0.99", "'min_p': 0.1", "'do_sample': true")) {
      String sampled = text("dice()|", on + ", 'seed': 5, 'max_new_tokens': 30");
      assertTrue(sampled.chars().distinct().count() > 3, on + ": " + sampled);
    }
  }

  @Test
  default void stopsByTextAndByToken() throws Exception {
    assertEquals("one", text("say(one, two)|", "'stop_sequences': [', ']"));
    assertEquals("one", text("say(one, two)|", "'stop': ', '"));
    assertEquals(
        "one, ", text("say(one, two)|", "'stop': [', '], 'include_stop_str_in_output': true"));
    JsonObject byToken = details("say(abc)|", "'stop_token_ids': [98], 'ignore_eos_token': true");
    assertEquals("eos_token", byToken.get("finish_reason").getAsString());
    assertEquals(2, byToken.get("generated_tokens").getAsInt());
  }

  @Test
  default void aStopStringMayBeTheEndOfTheSequence() throws Exception {
    String stop = "'stop': ['<end>']";
    String include = "'include_stop_str_in_output': true";
    for (String keys :
        List.of(
            stop,
            stop + ", 'skip_special_tokens': false",
            stop + ", 'ignore_eos_token': true",
            stop + ", 'stop_token_ids': [257]")) {
      assertEquals("ab", text("say(ab)|", keys), keys);
      assertEquals("ab<end>", text("say(ab)|", keys + ", " + include), keys);
      JsonObject details = details("say(ab)|", keys);
      assertEquals("stop_sequence", details.get("finish_reason").getAsString(), keys);
      assertEquals(3, details.get("generated_tokens").getAsInt(), keys);
    }
    for (String other : List.of("'stop': ['<end']", "'stop': ['b<end>']", include)) {
      assertEquals("ab", text("say(ab)|", other), other);
      JsonObject details = details("say(ab)|", other);
      assertEquals("eos_token", details.get("finish_reason").getAsString(), other);
    }
  }

  @Test
  default void answersHaveALeastLength() throws Exception {
    JsonObject details = details("say(x)|", "'min_tokens': 4, 'max_new_tokens': 6");
    assertEquals(5, details.get("generated_tokens").getAsInt(), "the end is the fifth");
    assertEquals("a.b", text("say(a.b.c)|", "'min_tokens': 2, 'stop': ['.']"));
  }

  @Test
  default void biasesBanAndForce() throws Exception {
    assertEquals("bbb", text("loop(a)|", "'logit_bias': {'98': 100}, 'max_new_tokens': 3"));
    assertEquals("1111", text("dice()|", "'logit_bias': {'48': -100}, 'max_new_tokens': 4"));
  }

  @Test
  default void penaltiesSpreadTheAnswer() throws Exception {
    assertEquals("0123", text("dice()|", "'presence_penalty': 1.0, 'max_new_tokens': 4"));
    assertEquals("0123", text("dice()|", "'frequency_penalty': 0.5, 'max_new_tokens': 4"));
    assertEquals("0123", text("dice()|", "'repetition_penalty': 1.5, 'max_new_tokens': 4"));
  }

  @Test
  default void equalInputsAreSampledIndependentlyUnlessTheyShareASeed() throws Exception {
    String dice = "'do_sample': true, 'max_new_tokens': 20, 'details': true %s";
    List<JsonElement> random = twice("dice()|", dice.formatted(""));
    assertNotEquals(random.get(0), random.get(1));
    List<JsonElement> seeded = twice("dice()|", dice.formatted(", 'seed': 5"));
    assertEquals(seeded.get(0), seeded.get(1));
  }

  private List<JsonElement> twice(String input, String parameters) throws Exception {
    String body = "{'inputs': ['%1$s', '%1$s'], 'parameters': {%2$s}}";
    HttpResponse<byte[]> response = ask(PREDICTIONS, body.formatted(input, parameters));
    return JsonParser.parseString(new String(response.body(), StandardCharsets.UTF_8))
        .getAsJsonArray()
        .asList();
  }

  @Test
  default void bestOfShowsAllUnlessNSaysOtherwise() throws Exception {
    String dice = "'do_sample': true, 'seed': 4, 'max_new_tokens': 5, ";
    JsonObject all = with("babble(abc)|", dice + "'best_of': 3");
    JsonArray others = all.getAsJsonObject("details").getAsJsonArray("best_of_sequences");
    assertEquals(2, others.size());
    double best = logprob(all.getAsJsonObject("details"));
    for (JsonElement other : others) {
      assertTrue(logprob(other.getAsJsonObject()) <= best, "the likeliest is first");
      best = logprob(other.getAsJsonObject());
    }
    JsonObject two = with("babble(abc)|", dice + "'n': 2");
    assertEquals(1, two.getAsJsonObject("details").getAsJsonArray("best_of_sequences").size());
    JsonObject one = with("babble(abc)|", dice + "'n': 1, 'best_of': 3, 'details': true");
    assertTrue(!one.getAsJsonObject("details").has("best_of_sequences"));
    assertEquals(all.get("generated_text"), one.get("generated_text"));
  }

  private static double logprob(JsonObject details) {
    return details.getAsJsonArray("tokens").asList().stream()
        .mapToDouble(token -> token.getAsJsonObject().get("log_prob").getAsDouble())
        .sum();
  }

  @Test
  default void aPromptNearTheEndOfTheContextGetsWhatIsLeft() throws Exception {
    String prompt = "x".repeat(4096 - 1 - 10 - 9) + "loop(ab)|"; // BOS, ten tokens are left
    JsonObject details = details(prompt, "'seed': 1");
    assertEquals(10, details.get("generated_tokens").getAsInt());
    assertEquals("length", details.get("finish_reason").getAsString());
    HttpResponse<byte[]> refused =
        ask(
            PREDICTIONS,
            "{'inputs': '%s', 'parameters': {'max_new_tokens': 11}}".formatted(prompt));
    assertEquals(400, refused.statusCode());
    assertTrue(object(refused).get("error").getAsString().contains("4096 tokens"));
  }

  @Test
  default void aStreamHasTheTextOfTheWhole() throws Exception {
    String body =
        "{'inputs': 'babble(ab é日)|', 'stream': %s, 'parameters': {'seed': 3, 'temperature': 1.0,"
            + " 'max_new_tokens': 40, 'return_full_text': true, 'stop': ['日a'], 'details': true}}";
    JsonObject whole = answer(PREDICTIONS, body.formatted(false));
    List<JsonObject> lines = lines(ask(PREDICTIONS, body.formatted(true)));
    String shown =
        lines.stream()
            .map(line -> line.getAsJsonObject("token").get("text").getAsString())
            .collect(Collectors.joining());
    JsonObject last = lines.get(lines.size() - 1);
    assertEquals(whole.get("generated_text"), last.get("generated_text"));
    assertEquals("babble(ab é日)|" + shown, last.get("generated_text").getAsString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'parameters': {'stream': true} | application/jsonlines",
        "'stream': null, 'parameters': {'stream': true} | application/jsonlines",
        "'stream': false, 'parameters': {'stream': true} | application/json",
        "'stream': true, 'parameters': {'stream': false} | application/jsonlines",
      })
  default void streamMayBeAParameter(String keys, String type) throws Exception {
    HttpResponse<byte[]> response = ask(PREDICTIONS, "{'inputs': 'say(hi)|', %s}".formatted(keys));
    assertEquals(type, contentType(response));
  }

  @Test
  default void constraintsThatAskForNothingPass() throws Exception {
    assertEquals(
        "hi",
        text(
            "say(hi)|",
            "'guided_json': null, 'guided_choice': [], 'grammar': null, 'bad_words': [],"
                + " 'response_format': {'type': 'text'}, 'typical_p': 0.9"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'logit_bias': {'x': 1}"
            + "| parameters.logit_bias.x: expected a token id below 258 as the key, got \"x\"",
        "'min_tokens': 31 | min_tokens: expected 0 to 30, got 31",
        "'top_k': -2 | parameters.top_k: expected -1 to 2147483647, got -2",
        "'stop': [1] | parameters.stop[0]: expected a string, got the number 1",
        "'truncate': 0 | parameters.truncate: expected 1 to 2147483647, got 0",
        "'seed': 'x' | parameters.seed: expected a whole number, got the string \"x\"",
        "'guided_choice': ['yes', 'no']"
            + "| parameters.guided_choice: not supported by this server; leave it out",
        "'grammar': {'type': 'json', 'value': {}}"
            + "| parameters.grammar: not supported by this server; leave it out",
        "'response_format': {'type': 'json_object'}"
            + "| parameters.response_format.type: expected \"text\","
            + " got \"json_object\": this server does not constrain answers",
        "'adapters': ['a']"
            + "| adapters: expected none, got some; this server has no adapters, leave the key out",
      })
  default void aBadParameterIsNamed(String parameters, String message) throws Exception {
    HttpResponse<byte[]> response =
        ask(PREDICTIONS, "{'inputs': 'a', 'parameters': {%s}}".formatted(parameters));
    assertEquals(400, response.statusCode());
    assertEquals(message, object(response).get("error").getAsString());
  }
}
