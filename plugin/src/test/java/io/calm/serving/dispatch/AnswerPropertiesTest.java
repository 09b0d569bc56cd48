package io.calm.serving.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.Schema;
import io.calm.testing.ScriptedModels;
import io.calm.testing.Seeds;
import io.prometheus.client.CollectorRegistry;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;

/**
 * Random requests, each asked whole and streamed: both must say the same. Completions must also say
 * what {@link NaiveAnswer} makes of the tokens that the model gives without stop strings.
 */
class AnswerPropertiesTest {
  private static final ServedModel MODEL = ScriptedModels.create("scripted");
  private static final TextService SERVICE =
      new TextService(new CalmMetrics(new CollectorRegistry(), List::of), InstantSource.system());

  @AfterAll
  static void close() {
    MODEL.close();
  }

  private static CollectedReply ask(Schema schema, JsonObject body, boolean stream) {
    JsonObject request = body.deepCopy();
    request.addProperty("stream", stream);
    JsonObject options = new JsonObject();
    options.addProperty("include_usage", true);
    request.add("stream_options", options);
    return CollectedReply.of(SERVICE, MODEL, schema, request);
  }

  @RepeatedTest(250)
  void aCompletionIsTheSameStreamedWholeAndNaively(RepetitionInfo repetition) {
    RandomRequest random = new RandomRequest(Seeds.of(repetition.getCurrentRepetition()));
    JsonObject body = random.completion();
    JsonObject whole = ask(Schema.COMPLETIONS, body, false).json().getAsJsonObject();
    List<JsonObject> chunks = ask(Schema.COMPLETIONS, body, true).pieces();
    JsonArray choices = whole.getAsJsonArray("choices");
    int n = body.get("n").getAsInt();
    assertEquals(n * body.getAsJsonArray("prompt").size(), choices.size());
    int read = 0;
    int generated = 0;
    for (int i = 0; i < choices.size(); i++) {
      JsonObject choice = choices.get(i).getAsJsonObject();
      assertEquals(choice, StreamedChoice.completion(chunks, i), () -> random + ": " + body);
      NaiveAnswer expected = naive(body, i / n, i % n);
      requireSame(expected, choice, body, i / n, random);
      generated += expected.tokens();
      read += i % n == 0 ? RandomRequest.tokens(prompt(body, i / n)) : 0;
    }
    JsonObject usage = whole.getAsJsonObject("usage");
    assertEquals(read(usage), read(StreamedChoice.usage(chunks)), random::toString);
    assertEquals(generated, usage.get("completion_tokens").getAsInt(), random::toString);
    assertEquals(read, usage.get("prompt_tokens").getAsInt(), random::toString);
    assertEquals(generated + read, usage.get("total_tokens").getAsInt(), random::toString);
  }

  /** Returns a usage without what the cache held: the second time that is more. */
  private static JsonElement read(JsonElement usage) {
    JsonObject read = usage.getAsJsonObject().deepCopy();
    read.remove("prompt_tokens_details");
    return read;
  }

  private static String prompt(JsonObject body, int index) {
    return body.getAsJsonArray("prompt").get(index).getAsString();
  }

  private static void requireSame(
      NaiveAnswer expected, JsonObject choice, JsonObject body, int prompt, RandomRequest random) {
    String echoed = body.get("echo").getAsBoolean() ? prompt(body, prompt) : "";
    assertEquals(echoed + expected.text(), choice.get("text").getAsString(), random::toString);
    assertEquals(expected.reason(), choice.get("finish_reason").getAsString(), random::toString);
    if (!choice.get("logprobs").isJsonObject()) {
      return;
    }
    List<Integer> offsets =
        choice.getAsJsonObject("logprobs").getAsJsonArray("text_offset").asList().stream()
            .map(JsonElement::getAsInt)
            .toList();
    int first = offsets.size() - expected.tokens();
    assertEquals(echoed.isEmpty() ? 0 : RandomRequest.tokens(echoed), first, random::toString);
    int before = (int) echoed.codePoints().count();
    assertEquals(
        expected.offsets().stream().map(offset -> before + offset).toList(),
        offsets.subList(first, offsets.size()),
        random::toString);
  }

  /** Returns the answer that the tokens without stop strings make, asked for in DJL's schema. */
  private static NaiveAnswer naive(JsonObject body, int prompt, int choice) {
    JsonObject parameters = body.deepCopy();
    List.of("prompt", "n", "echo", "logprobs", "stop", "ignore_eos").forEach(parameters::remove);
    parameters.addProperty("details", true);
    parameters.addProperty("seed", body.get("seed").getAsInt() + choice);
    parameters.add("ignore_eos_token", body.get("ignore_eos"));
    JsonObject request = new JsonObject();
    request.addProperty("inputs", prompt(body, prompt));
    request.add("parameters", parameters);
    JsonObject details =
        ask(Schema.DJL, request, false).json().getAsJsonObject().getAsJsonObject("details");
    return NaiveAnswer.of(
        details.getAsJsonArray("tokens").asList().stream()
            .map(token -> token.getAsJsonObject().get("id").getAsInt())
            .toList(),
        details.get("finish_reason").equals(new JsonPrimitive("eos_token")),
        body.getAsJsonArray("stop").asList().stream().map(JsonElement::getAsString).toList(),
        body.get("include_stop_str_in_output").getAsBoolean(),
        body.get("min_tokens").getAsInt());
  }

  @RepeatedTest(120)
  void aChatIsTheSameStreamedOrWhole(RepetitionInfo repetition) {
    RandomRequest random = new RandomRequest(Seeds.of(repetition.getCurrentRepetition()));
    JsonObject body = random.chat();
    JsonObject whole = ask(Schema.CHAT, body, false).json().getAsJsonObject();
    List<JsonObject> chunks = ask(Schema.CHAT, body, true).pieces();
    for (JsonElement choice : whole.getAsJsonArray("choices")) {
      int index = choice.getAsJsonObject().get("index").getAsInt();
      assertEquals(choice, StreamedChoice.chat(chunks, index), () -> random + ": " + body);
    }
    assertEquals(read(whole.get("usage")), read(StreamedChoice.usage(chunks)), random::toString);
  }

  @RepeatedTest(120)
  void djlsSchemaIsTheSameStreamedOrWhole(RepetitionInfo repetition) {
    RandomRequest random = new RandomRequest(Seeds.of(repetition.getCurrentRepetition()));
    JsonObject body = random.lmi();
    JsonObject whole = ask(Schema.DJL, body, false).json().getAsJsonObject();
    List<JsonObject> lines = ask(Schema.DJL, body, true).pieces();
    JsonObject details = whole.getAsJsonObject("details");
    JsonArray tokens = details.getAsJsonArray("tokens");
    boolean full = body.getAsJsonObject("parameters").get("return_full_text").getAsBoolean();
    StringBuilder shown = new StringBuilder(full ? body.get("inputs").getAsString() : "");
    assertEquals(tokens.size(), lines.size(), random::toString);
    for (int i = 0; i < lines.size(); i++) {
      JsonObject token = lines.get(i).getAsJsonObject("token");
      assertEquals(tokens.get(i), token, random::toString);
      shown.append(token.get("text").getAsString());
    }
    JsonObject last = lines.get(lines.size() - 1);
    assertEquals(whole.get("generated_text").getAsString(), shown.toString(), random::toString);
    assertEquals(whole.get("generated_text"), last.get("generated_text"), random::toString);
    details.remove("tokens");
    assertEquals(details, last.get("details"), random::toString);
  }

  @RepeatedTest(60)
  void anArrayOfInputsStreamsItsAnswersStepByStep(RepetitionInfo repetition) {
    RandomRequest random = new RandomRequest(Seeds.of(repetition.getCurrentRepetition()));
    JsonObject body = random.lmiArray();
    JsonArray whole = ask(Schema.DJL, body, false).json().getAsJsonArray();
    List<StringBuilder> columns = new ArrayList<>();
    whole.forEach(answer -> columns.add(new StringBuilder()));
    int lines = 0;
    for (JsonObject line : ask(Schema.DJL, body, true).pieces()) {
      assertEquals(List.of("outputs"), List.copyOf(line.keySet()));
      JsonArray outputs = line.getAsJsonArray("outputs");
      assertEquals(columns.size(), outputs.size(), random::toString);
      for (int i = 0; i < outputs.size(); i++) {
        columns.get(i).append(outputs.get(i).getAsString());
      }
      lines++;
    }
    int longest = 0;
    for (int i = 0; i < whole.size(); i++) {
      JsonObject answer = whole.get(i).getAsJsonObject();
      assertEquals(
          answer.get("generated_text").getAsString(), columns.get(i).toString(), random::toString);
      JsonObject details = answer.getAsJsonObject("details");
      longest = Math.max(longest, details.get("generated_tokens").getAsInt());
    }
    assertEquals(longest, lines, "a line for each step of the longest answer");
  }
}
