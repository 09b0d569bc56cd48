package io.calm.serving.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.http.ServerMetrics;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.serving.reply.JsonBody;
import io.calm.serving.reply.ReplySink;
import io.calm.serving.reply.Schema;
import io.calm.testing.ScriptedModels;
import java.nio.charset.StandardCharsets;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Log-probabilities of all answers in flight share one budget. */
class ScoreBudgetTest {
  private static final ServedModel MODEL = ScriptedModels.create("scripted");
  private static final int MAX = 1 << 20;

  private final ByteBudget scores = new ByteBudget(MAX);
  private final ModelRegistry registry = new ModelRegistry();
  private final CalmMetrics metrics = ServerMetrics.create(registry);
  private final TextService service =
      new TextService(metrics, InstantSource.system(), new ByteBudget(MAX), scores);

  /** An answer, and the name of the thread that sent it. */
  private record Answer(int status, String text, String thread) {}

  private static final class Sink implements ReplySink {
    final CompletableFuture<Answer> answer = new CompletableFuture<>();
    final StringBuilder pieces = new StringBuilder();

    @Override
    public void full(int status, String type, Map<String, String> headers, byte[] body) {
      String text = new String(body, StandardCharsets.UTF_8);
      answer.complete(new Answer(status, text, Thread.currentThread().getName()));
    }

    @Override
    public void begin(String contentType, Map<String, String> headers) {
      // the pieces say it
    }

    @Override
    public void write(byte[] bytes) {
      pieces.append(new String(bytes, StandardCharsets.UTF_8));
    }

    @Override
    public void end() {
      answer.complete(new Answer(200, pieces.toString(), Thread.currentThread().getName()));
    }
  }

  @AfterAll
  static void close() {
    MODEL.close();
  }

  @AfterEach
  void everythingIsGivenBackInTheEnd() {
    assertTrue(scores.take(MAX), "all of the budget is free");
    scores.give(MAX);
  }

  private Answer ask(String body) throws Exception {
    Sink sink = new Sink();
    JsonObject request = JsonBody.parse(body.getBytes(StandardCharsets.UTF_8));
    service.prepare(MODEL, Schema.COMPLETIONS, request, "").start(sink);
    return sink.answer.get(60, TimeUnit.SECONDS);
  }

  private static String body(int tokens, int alternatives, boolean stream) {
    return ("{\"prompt\":\"abc|\",\"max_tokens\":%d,\"logprobs\":%d,\"stream\":%s,"
            + "\"temperature\":1,\"seed\":1,\"ignore_eos\":true}")
        .formatted(tokens, alternatives, stream);
  }

  private static int choices(String text) {
    return JsonBody.parse(text.getBytes(StandardCharsets.UTF_8)).getAsJsonArray("choices").size();
  }

  @Test
  void anAnswerThatOutgrowsTheBudgetIsRefusedAndGivesItBack() throws Exception {
    Answer small = ask(body(100, 20, false));
    assertEquals(200, small.status(), small.text());
    assertEquals(1, choices(small.text()));
    Answer large = ask(body(400, 20, false));
    assertEquals(429, large.status(), large.text());
    assertTrue(
        large
            .text()
            .contains(
                "logprobs: expected at most 1048576 bytes of log-probabilities in all answers in"
                    + " flight, got more"),
        large.text());
    assertEquals(200, ask(body(100, 20, false)).status(), "what it held is free again");
  }

  @Test
  void aStreamHoldsNoLogProbabilities() throws Exception {
    Answer streamed = ask(body(400, 20, true));
    assertTrue(streamed.text().endsWith("data: [DONE]\n\n"), streamed.text());
    assertEquals(-1, streamed.text().indexOf("\"error\""));
  }

  @Test
  void noAnswerWithAlternativesBeginsWhileTheBudgetIsHalfTaken() throws Exception {
    registry.ready(MODEL);
    assertTrue(scores.take(MAX / 2 + 1));
    ApiException refusal = assertThrows(ApiException.class, () -> ask(body(1, 1, false)));
    assertEquals(ApiException.Kind.QUEUE_FULL, refusal.kind());
    assertEquals("logprobs", refusal.parameter().orElseThrow());
    String counted = metrics.text(CalmMetrics.contentType(""));
    assertTrue(counted.contains("outcome=\"rejected\",} 1.0"), counted);
    assertEquals(200, ask(body(1, 0, false)).status(), "an answer without alternatives");
    assertEquals(200, ask(body(1, 1, true)).status(), "a stream");
    scores.give(MAX / 2 + 1);
  }

  @Test
  void aLargeAnswerIsNotBuiltOnTheSchedulersThread() throws Exception {
    scores.raise(64L * MAX);
    Answer large = ask(body(400, 20, false));
    assertEquals(200, large.status(), large.text());
    assertEquals("calm-answers", large.thread());
    Answer small = ask(body(10, 1, false));
    assertTrue(!small.thread().equals("calm-answers"), small.thread());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 5})
  void aStreamThatBeginsWithALargePromptIsNotBuiltOnTheSchedulersThread(int tokens)
      throws Exception {
    scores.raise(64L * MAX);
    String body =
        ("{\"prompt\":\"%s say(yes)|\",\"max_tokens\":%d,\"logprobs\":20,\"echo\":true,\"n\":2,"
                + "\"stream\":%s}")
            .formatted("abc".repeat(300), tokens, "%s");
    Answer streamed = ask(body.formatted(true));
    assertEquals("calm-answers", streamed.thread());
    List<JsonObject> chunks =
        streamed
            .text()
            .lines()
            .filter(line -> line.startsWith("data: {"))
            .map(line -> JsonParser.parseString(line.substring("data: ".length())))
            .map(JsonElement::getAsJsonObject)
            .toList();
    JsonArray choices =
        JsonParser.parseString(ask(body.formatted(false)).text())
            .getAsJsonObject()
            .getAsJsonArray("choices");
    assertEquals(2, choices.size());
    for (int i = 0; i < choices.size(); i++) {
      assertEquals(choices.get(i), StreamedChoice.completion(chunks, i));
    }
    assertTrue(streamed.text().endsWith("data: [DONE]\n\n"));
    Answer small = ask(body.replace("abc".repeat(300), "").formatted(true));
    assertTrue(!small.thread().equals("calm-answers"), small.thread());
  }
}
