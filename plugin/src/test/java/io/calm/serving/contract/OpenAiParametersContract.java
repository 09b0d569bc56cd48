package io.calm.serving.contract;

import static io.calm.testing.HttpClients.assertJson;
import static io.calm.testing.HttpClients.choice;
import static io.calm.testing.HttpClients.chunks;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Contract of the parameters of OpenAI's schema. */
interface OpenAiParametersContract extends ScriptedServer {
  String COMPLETIONS = "/v1/completions";
  String CHAT = "/v1/chat/completions";
  String USER = "'messages': [{'role': 'user', 'content': '%s'}]";

  private JsonObject completion(String prompt, String parameters) throws Exception {
    return answer(COMPLETIONS, "{'prompt': '%s', %s}".formatted(prompt, parameters));
  }

  private String text(String prompt, String parameters) throws Exception {
    return choice(completion(prompt, parameters), 0).get("text").getAsString();
  }

  private JsonObject chat(String content, String parameters) throws Exception {
    return answer(CHAT, "{%s, %s}".formatted(USER.formatted(content), parameters));
  }

  @Test
  default void completionsHaveBothNamesOfTheMaximum() throws Exception {
    assertEquals("aaa", text("loop(a)|", "'max_completion_tokens': 3"));
    assertEquals("aa", text("loop(a)|", "'max_completion_tokens': 2, 'max_tokens': 5"));
    JsonObject refused =
        openAiError(400, COMPLETIONS, "{'prompt': 'x', 'max_completion_tokens': 4096}");
    assertEquals("max_completion_tokens", refused.get("param").getAsString());
  }

  @Test
  default void openAiBiasesBanAndForce() throws Exception {
    assertEquals("bbb", text("loop(a)|", "'logit_bias': {'98': 100}, 'max_tokens': 3"));
    assertEquals(
        "1111", text("dice()|", "'logit_bias': {'48': -100}, 'temperature': 0, 'max_tokens': 4"));
    JsonObject chat = chat("loop(a)", "'logit_bias': {'99': 100.0}, 'max_tokens': 2");
    assertEquals("cc", choice(chat, 0).getAsJsonObject("message").get("content").getAsString());
  }

  @Test
  default void openAiPenaltiesSpreadTheAnswer() throws Exception {
    String greedy = ", 'temperature': 0, 'max_tokens': 4";
    assertEquals("0000", text("dice()|", "'presence_penalty': 0" + greedy));
    assertEquals("0123", text("dice()|", "'presence_penalty': 1" + greedy));
    assertEquals("0123", text("dice()|", "'frequency_penalty': 0.5" + greedy));
    assertEquals("0000", text("dice()|", "'frequency_penalty': -0.5" + greedy));
  }

  @ParameterizedTest
  @CsvSource({
    "/v1/completions, '', 8",
    "/v1/completions, ', ''add_special_tokens'': true', 8",
    "/v1/completions, ', ''add_special_tokens'': false', 7",
    "/v1/chat/completions, '', 23",
    "/v1/chat/completions, ', ''add_special_tokens'': false', 23",
    "/v1/chat/completions, ', ''add_special_tokens'': true', 24",
  })
  default void theTokenizerAddsItsSpecialTokens(String path, String key, int tokens)
      throws Exception {
    String prompt = path.equals(CHAT) ? USER.formatted("say(x)") : "'prompt': 'say(x)|'";
    JsonObject usage = answer(path, "{%s%s}".formatted(prompt, key)).getAsJsonObject("usage");
    assertEquals(tokens, usage.get("prompt_tokens").getAsInt());
  }

  @Test
  default void theSameSeedSaysTheSame() throws Exception {
    String dice = "'temperature': 1, 'max_tokens': 20, 'n': 2, 'seed': %d";
    JsonObject first = completion("dice()|", dice.formatted(11));
    assertEquals(first.get("choices"), completion("dice()|", dice.formatted(11)).get("choices"));
    assertEquals(
        choice(first, 1).get("text"),
        choice(completion("dice()|", dice.formatted(12)), 0).get("text"),
        "choice i has the seed plus i");
    assertTrue(!choice(first, 0).get("text").equals(choice(first, 1).get("text")));
    String random = "'temperature': 1, 'max_tokens': 20";
    assertTrue(!text("dice()|", random).equals(text("dice()|", random)), "a seed of its own");
  }

  @Test
  default void equalPromptsAreSampledIndependentlyUnlessTheyShareASeed() throws Exception {
    String body =
        "{'prompt': ['dice()|', 'dice()|'], 'temperature': 1, 'max_tokens': 20, 'n': 2 %s}";
    for (String seed : List.of("", ", 'seed': null")) {
      assertEquals(4, texts(body.formatted(seed)).stream().distinct().count());
    }
    List<JsonElement> seeded = texts(body.formatted(", 'seed': 11"));
    assertEquals(seeded.subList(0, 2), seeded.subList(2, 4));
    assertEquals(2, seeded.stream().distinct().count());
  }

  private List<JsonElement> texts(String body) throws Exception {
    return answer(COMPLETIONS, body).getAsJsonArray("choices").asList().stream()
        .map(choice -> choice.getAsJsonObject().get("text"))
        .toList();
  }

  @Test
  default void answersHaveALeastLengthAndIgnoreTheEnd() throws Exception {
    // Greedy: a token drawn from all might be the one that starts the answer again.
    JsonObject min = completion("say(x)|", "'temperature': 0, 'min_tokens': 4, 'max_tokens': 9");
    assertEquals(5, min.getAsJsonObject("usage").get("completion_tokens").getAsInt());
    JsonObject ignored = completion("say(x)|", "'ignore_eos': true, 'max_tokens': 9");
    assertEquals(9, ignored.getAsJsonObject("usage").get("completion_tokens").getAsInt());
    assertEquals("length", choice(ignored, 0).get("finish_reason").getAsString());
    JsonObject named =
        completion("say(xyz)|", "'ignore_eos': true, 'stop_token_ids': [122], 'max_tokens': 9");
    assertEquals(
        "xy", choice(named, 0).get("text").getAsString(), "a token that ends is not shown");
    assertEquals("stop", choice(named, 0).get("finish_reason").getAsString());
  }

  @Test
  default void bestOfShowsTheLikeliest() throws Exception {
    String common = "'seed': 3, 'temperature': 1.5, 'max_tokens': 6, 'logprobs': 0, ";
    JsonObject all = completion("babble(abcdef)|", common + "'n': 5");
    JsonObject best = completion("babble(abcdef)|", common + "'n': 2, 'best_of': 5");
    List<JsonElement> ranked =
        all.getAsJsonArray("choices").asList().stream()
            .sorted((a, b) -> Double.compare(mean(b), mean(a)))
            .limit(2)
            .map(choice -> choice.getAsJsonObject().get("text"))
            .toList();
    assertEquals(2, best.getAsJsonArray("choices").size());
    for (int i = 0; i < 2; i++) {
      assertEquals(i, choice(best, i).get("index").getAsInt());
      assertEquals(ranked.get(i), choice(best, i).get("text"));
    }
    assertEquals(all.get("usage"), best.get("usage"), "what was generated is counted");
  }

  private static double mean(JsonElement choice) {
    return choice
        .getAsJsonObject()
        .getAsJsonObject("logprobs")
        .getAsJsonArray("token_logprobs")
        .asList()
        .stream()
        .mapToDouble(JsonElement::getAsDouble)
        .average()
        .orElseThrow();
  }

  @Test
  default void tokensOfPartsOfCharactersAreSpelledAsBytes() throws Exception {
    JsonObject logprobs =
        choice(completion("say(aé)|", "'logprobs': 1, 'temperature': 0"), 0)
            .getAsJsonObject("logprobs");
    assertJson("['a', 'bytes:\\\\xc3', 'bytes:\\\\xa9', '<end>']", logprobs.get("tokens"));
    assertJson("[0, 1, 1, 2]", logprobs.get("text_offset"));
    JsonArray content =
        choice(chat("say(é)", "'logprobs': true, 'temperature': 0"), 0)
            .getAsJsonObject("logprobs")
            .getAsJsonArray("content");
    assertJson("[195]", content.get(0).getAsJsonObject().get("bytes"));
    assertEquals("\\xc3", content.get(0).getAsJsonObject().get("token").getAsString());
    assertJson("[]", content.get(0).getAsJsonObject().get("top_logprobs"));
  }

  @Test
  default void offsetsOfAnEchoAreInItsText() throws Exception {
    JsonObject choice =
        choice(completion("ésay(x)|", "'echo': true, 'logprobs': 0, 'temperature': 0"), 0);
    assertEquals("ésay(x)|x", choice.get("text").getAsString());
    assertJson(
        "[0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]",
        choice.getAsJsonObject("logprobs").get("text_offset"));
  }

  @Test
  default void anEchoIsStreamedWithItsScores() throws Exception {
    String body =
        "{'prompt': ['ab|', [97, 124]], 'echo': true, 'logprobs': 1, 'max_tokens': 0,"
            + " 'stream': true, 'stream_options': {'include_usage': true}}";
    List<JsonObject> chunks = chunks(ask(COMPLETIONS, body));
    List<JsonObject> choices = new ArrayList<>();
    chunks.forEach(c -> c.getAsJsonArray("choices").forEach(o -> choices.add(o.getAsJsonObject())));
    assertEquals(4, choices.size(), "a prompt and an end for each");
    JsonObject first = of(choices, 0).get(0);
    assertEquals("ab|", first.get("text").getAsString());
    JsonArray scores = first.getAsJsonObject("logprobs").getAsJsonArray("token_logprobs");
    assertEquals(4, scores.size());
    assertTrue(scores.get(0).isJsonNull() && scores.get(3).getAsDouble() < 0);
    assertEquals("a|", of(choices, 1).get(0).get("text").getAsString());
    assertEquals("length", of(choices, 1).get(1).get("finish_reason").getAsString());
    assertJson(
        "{'prompt_tokens': 6, 'completion_tokens': 0, 'total_tokens': 6,"
            + " 'prompt_tokens_details': {'cached_tokens': 0}}",
        chunks.get(chunks.size() - 1).get("usage"));
  }

  private static List<JsonObject> of(List<JsonObject> choices, int index) {
    return choices.stream().filter(choice -> choice.get("index").getAsInt() == index).toList();
  }

  @Test
  default void choicesAreStreamedSideBySide() throws Exception {
    List<JsonObject> chunks =
        chunks(
            ask(
                COMPLETIONS,
                "{'prompt': ['loop(ab)|', 'loop(cd)|'], 'n': 2, 'stream': true, 'max_tokens': 4,"
                    + " 'temperature': 0}"));
    List<JsonObject> choices = chunks.stream().map(chunk -> choice(chunk, 0)).toList();
    for (int i = 0; i < 4; i++) {
      assertEquals(
          i < 2 ? "abab" : "cdcd",
          of(choices, i).stream()
              .map(choice -> choice.get("text").getAsString())
              .collect(Collectors.joining()));
    }
    int lastOfFirst = choices.lastIndexOf(of(choices, 0).get(4));
    int firstOfLast = choices.indexOf(of(choices, 3).get(0));
    assertTrue(firstOfLast < lastOfFirst, "one after the other");
  }

  /** A prompt that no other test uses, 200 tokens of {@code letter} and what it says. */
  private static String longPrompt(String letter, String end) {
    return letter.repeat(200 - end.length()) + end;
  }

  private static String usage(int prompt, int cached, int completion) {
    return ("{'prompt_tokens': %d, 'completion_tokens': %d, 'total_tokens': %d,"
            + " 'prompt_tokens_details': {'cached_tokens': %d}}")
        .formatted(prompt, completion, prompt + completion, cached);
  }

  @Test
  default void usageTellsWhatTheCacheHeldOfThePrompt() throws Exception {
    String prompt = longPrompt("q", "loop(ab)|");
    assertJson(usage(201, 0, 3), completion(prompt, "'max_tokens': 3").get("usage"));
    assertJson(usage(201, 192, 3), completion(prompt, "'max_tokens': 3").get("usage"));
    JsonObject two = completion(prompt, "'n': 2, 'max_tokens': 3");
    assertJson(usage(201, 192, 6), two.get("usage"));
    String half = prompt.substring(0, 120) + "say(x)|"; // another end, after BOS and 119 letters
    String more = "{'prompt': ['%s', '%s'], 'temperature': 0}".formatted(half, prompt);
    JsonObject usage = answer(COMPLETIONS, more).getAsJsonObject("usage");
    assertJson("{'cached_tokens': %d}".formatted(64 + 192), usage.get("prompt_tokens_details"));
    String user = longPrompt("r", "say(hi)");
    int tokens = "user: \nassistant|".length() + 200;
    assertJson(usage(tokens, 0, 3), chat(user, "'temperature': 0").get("usage"));
    assertJson(usage(tokens, 192, 3), chat(user, "'temperature': 0").get("usage"));
  }

  @Test
  default void aStreamTellsTheCachesTokensInItsUsage() throws Exception {
    String body =
        "{%s, 'stream': true, 'temperature': 0, 'stream_options': {'include_usage': true}}"
            .formatted(USER.formatted(longPrompt("s", "say(hi)")));
    int tokens = "user: \nassistant|".length() + 200;
    for (int cached : new int[] {0, 192}) {
      List<JsonObject> chunks = chunks(ask(CHAT, body));
      assertTrue(chunks.get(0).get("usage").isJsonNull());
      assertJson(usage(tokens, cached, 3), chunks.get(chunks.size() - 1).get("usage"));
    }
  }

  @Test
  default void continuousUsageIsInEveryChunkOfItsChoice() throws Exception {
    String options = "'stream_options': {'include_usage': true, 'continuous_usage_stats': true}";
    String rest = "'stream': true, 'temperature': 0, 'n': 2, " + options;
    String prompt = longPrompt("t", "say(aé)|");
    completion(prompt, "'max_tokens': 1");
    List<JsonObject> chunks =
        chunks(ask(COMPLETIONS, "{'prompt': '%s', 'echo': true, %s}".formatted(prompt, rest)));
    assertJson(usage(202, 192, 8), chunks.get(chunks.size() - 1).get("usage"));
    for (int i = 0; i < 2; i++) {
      assertEquals(
          List.of(0, 1, 3, 4), // é is two tokens
          counts(chunks, i, 202, 192));
    }
    chunks = chunks(ask(CHAT, "{%s, %s}".formatted(USER.formatted("say(xy)"), rest)));
    int tokens = "user: say(xy)\nassistant|".length();
    assertJson(usage(tokens, 0, 6), chunks.get(chunks.size() - 1).get("usage"));
    for (int i = 0; i < 2; i++) {
      assertEquals(List.of(0, 1, 2, 3), counts(chunks, i, tokens, 0));
    }
  }

  @Test
  default void continuousUsageAloneAsksForNothing() throws Exception {
    String body =
        "{'prompt': 'say(a)|', 'stream': true, 'stream_options': {'continuous_usage_stats': true}}";
    assertTrue(chunks(ask(COMPLETIONS, body)).stream().noneMatch(chunk -> chunk.has("usage")));
  }

  /** Returns the generated tokens that the chunks of a choice tell, one chunk after the other. */
  private List<Integer> counts(List<JsonObject> chunks, int index, int prompt, int cached) {
    List<Integer> counts = new ArrayList<>();
    for (JsonObject chunk : chunks.subList(0, chunks.size() - 1)) {
      if (choice(chunk, 0).get("index").getAsInt() == index) {
        int count = chunk.getAsJsonObject("usage").get("completion_tokens").getAsInt();
        assertJson(usage(prompt, cached, count), chunk.get("usage"));
        counts.add(count);
      }
    }
    return counts;
  }

  @Test
  default void aPartialStopIsNeverShown() throws Exception {
    String body = "{'prompt': 'say(a EN b END c)|', 'stop': 'END', 'stream': true}";
    List<String> texts =
        chunks(ask(COMPLETIONS, body)).stream()
            .map(chunk -> choice(chunk, 0).get("text").getAsString())
            .toList();
    assertEquals(List.of("a", " ", "EN ", "b", " ", ""), texts);
    String included = body.replace("'stream': true", "'include_stop_str_in_output': true");
    JsonObject whole = answer(COMPLETIONS, included);
    assertEquals("a EN b END", choice(whole, 0).get("text").getAsString());
  }

  @Test
  default void anEndOfSequenceThatIsAStopStringIsShownOnRequest() throws Exception {
    String body =
        "{'prompt': 'say(ab)|', 'stop': '<end>', 'include_stop_str_in_output': true, 'n': 2,"
            + " 'logprobs': 0, 'stream': %s}";
    JsonObject whole = answer(COMPLETIONS, body.formatted(false));
    for (int i = 0; i < 2; i++) {
      JsonObject choice = choice(whole, i);
      assertEquals("ab<end>", choice.get("text").getAsString());
      assertEquals("stop", choice.get("finish_reason").getAsString());
      assertJson("[0, 1, 2]", choice.getAsJsonObject("logprobs").get("text_offset"));
    }
    StringBuilder streamed = new StringBuilder();
    for (JsonObject chunk : chunks(ask(COMPLETIONS, body.formatted(true)))) {
      JsonObject choice = choice(chunk, 0);
      if (choice.get("index").getAsInt() == 0) {
        streamed.append(choice.get("text").getAsString());
      }
    }
    assertEquals("ab<end>", streamed.toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'tools': [], 'tool_choice': 'none', 'parallel_tool_calls': false",
        "'tools': [{'type': 'function', 'function': {'name': 'f'}}], 'tool_choice': 'none'",
        "'functions': [{'name': 'f'}], 'function_call': 'none'",
        "'tools': [], 'tool_choice': 'auto'",
        "'user': 'me', 'metadata': {'a': 'b'}, 'store': false, 'service_tier': 'auto'",
        "'response_format': {'type': 'text'}, 'modalities': ['text'], 'reasoning_effort': 'low'",
        "'logit_bias': {}, 'stop': null, 'n': null, 'seed': null, 'temperature': null",
        "'guided_json': null, 'use_beam_search': false, 'anything': [1, {'else': null}]",
        "'return_token_ids': false, 'logits_processors': [], 'web_search_options': null",
        "'response_format': {}",
      })
  default void keysThatAskForNothingPass(String keys) throws Exception {
    JsonObject message = choice(chat("say(hi)", keys), 0).getAsJsonObject("message");
    assertEquals("hi", message.get("content").getAsString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'tools': [{'type': 'function'}] | tools | tools: not supported by this server; leave it out",
        "'tools': [{'type': 'function'}], 'tool_choice': 'auto'"
            + "| tools | tools: not supported by this server; leave it out",
        "'functions': [{'name': 'f'}], 'tool_choice': 'none'"
            + "| functions | functions: not supported by this server; leave it out",
        "'tools': [{'type': 'function'}], 'tool_choice': {'type': 'function'}"
            + "| tool_choice | tool_choice: not supported by this server; leave it out",
        "'tool_choice': 'required'"
            + "| tool_choice | tool_choice: not supported by this server; leave it out",
        "'web_search_options': {}"
            + "| web_search_options | web_search_options: not supported by this server; leave it out",
        "'return_token_ids': true"
            + "| return_token_ids | return_token_ids: not supported by this server; leave it out",
        "'return_tokens_as_token_ids': true | return_tokens_as_token_ids"
            + "| return_tokens_as_token_ids: not supported by this server; leave it out",
        "'logits_processors': ['a.B']"
            + "| logits_processors | logits_processors: not supported by this server; leave it out",
        "'guided_json': {'a': 1}"
            + "| guided_json | guided_json: not supported by this server; leave it out",
        "'response_format': {'type': 'json_schema', 'json_schema': {}}"
            + "| response_format.type | response_format.type: expected \"text\","
            + " got \"json_schema\": this server does not constrain answers",
        "'response_format': {'json_schema': {}}"
            + "| response_format.type | response_format.type: expected \"text\","
            + " got none: this server does not constrain answers",
        "'modalities': ['text', 'audio']"
            + "| modalities | modalities: expected [\"text\"], got [text, audio]",
        "'best_of': 2 | best_of | best_of: in a chat, expected the value of n (1), got 2",
        "'top_logprobs': 2 | top_logprobs | top_logprobs: expected logprobs: true beside it",
        "'continue_final_message': true | continue_final_message"
            + "| continue_final_message: expected add_generation_prompt: false beside it, got true",
        "'logit_bias': [1] | logit_bias | logit_bias: expected an object, got an array",
        "'logit_bias': {'a': 1} | logit_bias.a"
            + "| logit_bias.a: expected a token id below 258 as the key, got \"a\"",
        "'logit_bias': {'258': 1} | logit_bias.258"
            + "| logit_bias.258: expected a token id below 258 as the key, got \"258\"",
        "'logit_bias': {'97': 1, '097': 2} | logit_bias.097"
            + "| logit_bias.097: expected the token id 97 in plain digits as the key,"
            + " got \"097\"",
        "'logit_bias': {'+97': 1} | logit_bias.+97"
            + "| logit_bias.+97: expected the token id 97 in plain digits as the key,"
            + " got \"+97\"",
        "'logit_bias': {'97': 101} | logit_bias.97"
            + "| logit_bias.97: expected -100 to 100, got 101.0",
        "'logit_bias': {'97': 'x'} | logit_bias.97"
            + "| logit_bias.97: expected a number, got the string \"x\"",
        "'min_tokens': 5, 'max_tokens': 4 | min_tokens | min_tokens: expected 0 to 4, got 5",
      })
  default void aKeyThatCannotBeHonouredIsNamed(String keys, String param, String message)
      throws Exception {
    JsonObject error = openAiError(400, CHAT, "{%s, %s}".formatted(USER.formatted("x"), keys));
    assertEquals(message, error.get("message").getAsString());
    assertEquals(param, error.get("param").getAsString());
  }

  @Test
  default void aChatGoesOnWithItsLastMessage() throws Exception {
    JsonObject body =
        answer(
            CHAT,
            "{'messages': [{'role': 'user', 'content': 'say(abc)'},"
                + " {'role': 'assistant', 'content': 'so |a'}],"
                + " 'add_generation_prompt': false, 'continue_final_message': true}");
    assertEquals("bc", choice(body, 0).getAsJsonObject("message").get("content").getAsString());
    assertEquals(
        "user: say(abc)\nassistant: so |a".length(),
        body.getAsJsonObject("usage").get("prompt_tokens").getAsInt(),
        "nothing behind the message");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "|", "assistant", "a: b\\n"})
  default void aChatGoesOnWithAMessageThatTheTemplateRepeats(String content) throws Exception {
    JsonObject body =
        answer(
            CHAT,
            "{'messages': [{'role': 'user', 'content': 'x'},"
                + " {'role': 'assistant', 'content': '%s'}], 'max_tokens': 1,".formatted(content)
                + " 'add_generation_prompt': false, 'continue_final_message': true}");
    assertEquals(
        ("user: x\nassistant: " + content.replace("\\n", "\n")).length(),
        body.getAsJsonObject("usage").get("prompt_tokens").getAsInt());
  }

  @Test
  default void aChatCannotGoOnWithoutContent() throws Exception {
    JsonObject error =
        openAiError(
            400,
            CHAT,
            "{'messages': [{'role': 'assistant', 'content': null, 'tool_calls': [{}]}],"
                + " 'add_generation_prompt': false, 'continue_final_message': true}");
    assertEquals("continue_final_message", error.get("param").getAsString());
    assertEquals(
        "continue_final_message: expected a last message with content, got one without",
        error.get("message").getAsString());
  }
}
