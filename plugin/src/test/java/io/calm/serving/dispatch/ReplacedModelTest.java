package io.calm.serving.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.TokenizerClosedException;
import io.calm.metrics.CalmMetrics;
import io.calm.metrics.ModelMetrics;
import io.calm.serving.http.ModelStates;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.openai.Framing;
import io.calm.serving.openai.OpenAiParser;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.Schema;
import io.calm.testing.ByteTokenizer;
import io.calm.testing.ScriptedModels;
import io.prometheus.client.CollectorRegistry;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Requests around the moment in which the result of a search replaces a model. */
class ReplacedModelTest {
  private final ModelRegistry registry = new ModelRegistry();
  private final CalmMetrics metrics =
      new CalmMetrics(new CollectorRegistry(), () -> ModelStates.of(registry));
  private final TextService text = new TextService(metrics, InstantSource.system());
  private final LoadProgress search = new LoadProgress();
  private final ServedModel first = ScriptedModels.builder("m").served("uniform-awq").build();
  private final ServedModel next = ScriptedModels.builder("m").build();

  @BeforeEach
  void load() {
    registry.ready(registry.loading("m", "/m"), first, search);
  }

  @AfterEach
  void close() {
    registry.close();
    next.close();
  }

  private void swap() {
    registry.swap(search, next, () -> {});
  }

  private static JsonObject body() {
    return JsonParser.parseString("{\"prompt\": \"say(hello)|\"}").getAsJsonObject();
  }

  private long completed(String variant) {
    String series = "calm_requests_total{model=\"m\",variant=\"%s\",".formatted(variant);
    return metrics
        .text(CalmMetrics.contentType(""))
        .lines()
        .filter(line -> line.startsWith(series))
        .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  private static String variant(CollectedReply reply) {
    reply.await();
    return reply.headers().get("X-CALM-Variant");
  }

  @Test
  void aRequestPreparedBeforeTheSwapIsLabelledWithTheModelThatAnswersIt() {
    PreparedReply before = text.prepare(first, Schema.COMPLETIONS, body(), "");
    PreparedReply after = text.prepare(first, Schema.COMPLETIONS, body(), "");
    CollectedReply reply = new CollectedReply();
    before.start(reply);
    assertEquals("uniform-awq", variant(reply));
    swap();
    CollectedReply later = new CollectedReply();
    after.start(later);
    assertEquals("calm", variant(later));
    assertEquals(1, completed("uniform-awq"));
    assertEquals(1, completed("calm"));
    assertFalse(first.current().scheduler().ended(), "the model that has replaced it answers");
    assertEquals(next, first.current());
  }

  @Test
  void aSwapBetweenTheChoiceOfTheModelAndItsQueueChangesTheLabel() {
    Function<String, ModelMetrics> swapping =
        variant -> {
          if (variant.equals("uniform-awq")) { // the model is chosen, and not asked yet
            swap();
          }
          return metrics.model("m", variant);
        };
    PreparedReply prepared =
        new PreparedReply(
            first,
            OpenAiParser.completion(first, body(), InstantSource.system(), Framing.OPENAI),
            swapping,
            new ByteBudget(ByteBudget.share()),
            System.nanoTime());
    CollectedReply reply = new CollectedReply();
    prepared.start(reply);
    assertEquals("calm", variant(reply));
    assertEquals(0, completed("uniform-awq"));
    assertEquals(1, completed("calm"));
    assertTrue(first.isReplaced());
  }

  /** A tokenizer that records whether a model had ended when it was closed. */
  private static Tokenizer recording(BooleanSupplier ended, List<Boolean> closes) {
    Tokenizer bytes = new ByteTokenizer();
    return (Tokenizer)
        Proxy.newProxyInstance(
            Tokenizer.class.getClassLoader(),
            new Class<?>[] {Tokenizer.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("close")) {
                closes.add(ended.getAsBoolean());
              }
              return method.invoke(bytes, arguments);
            });
  }

  @Test
  void theTokenizerStaysOpenForTheStreamsOfTheReplacedModel() throws Exception {
    List<Boolean> closes = new CopyOnWriteArrayList<>();
    ServedModel old = ScriptedModels.builder("x").drainTimeout(Duration.ofSeconds(1)).build();
    Tokenizer tokenizer = recording(old.scheduler()::ended, closes);
    ServedModel before = old.withParts(old.parts().withTokenizer(tokenizer));
    ServedModel fresh = ScriptedModels.create("x");
    ServedModel after = fresh.withParts(fresh.parts().withTokenizer(tokenizer));
    LoadProgress progress = new LoadProgress();
    registry.ready(registry.loading("x", "/x"), before, progress);
    JsonObject endless =
        JsonParser.parseString("{\"prompt\": \"slow(x)|\", \"max_tokens\": 4000}")
            .getAsJsonObject();
    text.prepare(before, Schema.COMPLETIONS, endless, "").start(new CollectedReply());

    registry.swap(progress, after, () -> {});
    registry.remove("x");
    registry.awaitUnloaded();

    assertEquals(List.of(true), closes, "it is closed once, after the streams");
  }

  /** Its tokenizer is closed then; the request has waited in a queue meanwhile. */
  @Test
  void aRequestThatStartsAfterTheUnloadingIsRefused() throws Exception {
    ServedModel open = ScriptedModels.create("x");
    Tokenizer bytes = new ByteTokenizer();
    Tokenizer closed =
        (Tokenizer)
            Proxy.newProxyInstance(
                Tokenizer.class.getClassLoader(),
                new Class<?>[] {Tokenizer.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("newIncrementalDecoder")
                      && open.scheduler().ended()) {
                    throw new TokenizerClosedException();
                  }
                  return method.invoke(bytes, arguments);
                });
    PreparedReply waiting =
        text.prepare(
            open.withParts(open.parts().withTokenizer(closed)), Schema.COMPLETIONS, body(), "");
    open.close();
    assertTrue(open.scheduler().awaitClosed(Duration.ofSeconds(60)));
    ApiException refusal =
        assertThrows(ApiException.class, () -> waiting.start(new CollectedReply()));
    assertEquals(ApiException.Kind.NOT_READY, refusal.kind());
  }
}
