package io.calm.serving.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Tokenizer;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.Schema;
import io.calm.testing.ScriptedModels;
import io.calm.testing.SentencePieceBytes;
import io.prometheus.client.CollectorRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Answers of a tokenizer that drops the space at the start of a text. An answer is not the start:
 * prompt and answer together are the text of all tokens.
 */
class ContinuedTextTest {
  private static final TextService SERVICE =
      new TextService(new CalmMetrics(new CollectorRegistry(), List::of), InstantSource.system());
  private static final String PROMPT = "The capital is say( Paris)|";

  @TempDir private static Path directory;
  private static ServedModel model = ScriptedModels.create("not yet");

  @BeforeAll
  static void open() throws IOException {
    Tokenizer tokenizer = SentencePieceBytes.open(directory);
    ServedModel bytes = model;
    model = bytes.withParts(bytes.parts().withTokenizer(tokenizer));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static CollectedReply ask(Schema schema, String body, boolean stream) {
    JsonObject request = JsonParser.parseString(body.replace('\'', '"')).getAsJsonObject();
    request.addProperty("stream", stream);
    return CollectedReply.of(SERVICE, model, schema, request);
  }

  /** Returns the only choice of a completion or chat. */
  private static JsonObject choice(Schema schema, String body, boolean stream) {
    CollectedReply reply = ask(schema, body, stream);
    if (!stream) {
      JsonArray choices = reply.json().getAsJsonObject().getAsJsonArray("choices");
      return choices.get(0).getAsJsonObject();
    }
    return schema == Schema.CHAT
        ? StreamedChoice.chat(reply.pieces(), 0)
        : StreamedChoice.completion(reply.pieces(), 0);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aCompletionKeepsTheSpaceBeforeItsFirstWord(boolean stream) {
    JsonObject choice =
        choice(Schema.COMPLETIONS, "{'prompt': '%s', 'logprobs': 0}".formatted(PROMPT), stream);
    assertEquals(" Paris", choice.get("text").getAsString());
    JsonObject logprobs = choice.getAsJsonObject("logprobs");
    assertEquals(" ", logprobs.getAsJsonArray("tokens").get(0).getAsString());
    assertEquals(List.of(0, 1, 2, 3, 4, 5, 6), numbers(logprobs.getAsJsonArray("text_offset")));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anEchoIsTheTextOfAllTokens(boolean stream) {
    String body = "{'prompt': '%s', 'logprobs': 0, 'echo': true}".formatted(PROMPT);
    JsonObject choice = choice(Schema.COMPLETIONS, body, stream);
    assertEquals(PROMPT + " Paris", choice.get("text").getAsString());
    List<Integer> offsets =
        numbers(choice.getAsJsonObject("logprobs").getAsJsonArray("text_offset"));
    int answer = PROMPT.length();
    assertEquals(List.of(0, 0, 1, 2), offsets.subList(0, 4), "the space has no place of its own");
    assertEquals(
        List.of(answer, answer + 1, answer + 2),
        offsets.subList(offsets.size() - 7, offsets.size() - 4));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aStopStringMayBeginWithTheSpace(boolean stream) {
    String body = "{'prompt': '%s', 'stop': [' Par']}".formatted(PROMPT);
    JsonObject choice = choice(Schema.COMPLETIONS, body, stream);
    assertEquals("", choice.get("text").getAsString());
    assertEquals("stop", choice.get("finish_reason").getAsString());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void indentationIsThatOfTheTokens(boolean stream) {
    String body = "{'prompt': 'def f(x): say(    return x\\n    #)|', 'max_tokens': 40}";
    JsonObject choice = choice(Schema.COMPLETIONS, body, stream);
    assertEquals("    return x\n    #", choice.get("text").getAsString());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aChatKeepsTheSpaceToo(boolean stream) {
    String body = "{'messages': [{'role': 'user', 'content': 'say( Hello)|'}]}";
    JsonObject message = choice(Schema.CHAT, body, stream).getAsJsonObject("message");
    assertEquals(" Hello", message.get("content").getAsString());
    String continued =
        "{'messages': [{'role': 'user', 'content': 'say( so.)|'}, {'role': 'assistant',"
            + " 'content': 'It is|'}], 'add_generation_prompt': false,"
            + " 'continue_final_message': true}";
    message = choice(Schema.CHAT, continued, stream).getAsJsonObject("message");
    assertEquals(" so.", message.get("content").getAsString());
  }

  @Test
  void djlsSchemaKeepsTheSpace() {
    String body = "{'inputs': '%s', 'parameters': {'return_full_text': true}}".formatted(PROMPT);
    JsonObject whole = ask(Schema.DJL, body, false).json().getAsJsonObject();
    assertEquals(PROMPT + " Paris", whole.get("generated_text").getAsString());
    List<JsonObject> lines = ask(Schema.DJL, body, true).pieces();
    assertEquals(
        " ", lines.get(0).getAsJsonObject("token").get("text").getAsString(), "the first line");
    assertEquals(
        PROMPT + " Paris", lines.get(lines.size() - 1).get("generated_text").getAsString());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anAnswerToTheStartOfACharacterHasTheCharacter(boolean stream) {
    String body = "{'prompt': [115, 97, 121, 40, 63, 169, 32, 120, 41, 124, 195]}";
    JsonObject choice = choice(Schema.COMPLETIONS, body, stream);
    assertEquals("\u00E9 x", choice.get("text").getAsString());
    JsonObject echoed =
        choice(Schema.COMPLETIONS, body.replace("}", ", 'echo': true, 'logprobs': 0}"), stream);
    assertEquals("say(?\uFFFD x)|\u00E9 x", echoed.get("text").getAsString());
    List<Integer> offsets =
        numbers(echoed.getAsJsonObject("logprobs").getAsJsonArray("text_offset"));
    assertEquals(List.of(10, 10, 11, 12), offsets.subList(10, 14), "of the character's two bytes");
    assertEquals(
        "say(?\uFFFD x)|\uFFFD",
        choice(Schema.COMPLETIONS, body.replace("}", ", 'echo': true, 'max_tokens': 0}"), stream)
            .get("text")
            .getAsString());
  }

  /** Prompt and answer together are the text of all tokens, also if nothing completes it. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anAnswerThatEndsInsideACharacterOfItsPromptHasAReplacement(boolean stream) {
    String body = "{'prompt': [115, 97, 121, 40, 41, 124, 195]%s}";
    String prompt = "say()|";
    assertEquals(
        "\uFFFD", choice(Schema.COMPLETIONS, body.formatted(""), stream).get("text").getAsString());
    assertEquals(
        prompt + "\uFFFD",
        choice(Schema.COMPLETIONS, body.formatted(", 'echo': true"), stream)
            .get("text")
            .getAsString());
  }

  private static List<Integer> numbers(JsonArray array) {
    return array.asList().stream().map(JsonElement::getAsInt).toList();
  }
}
