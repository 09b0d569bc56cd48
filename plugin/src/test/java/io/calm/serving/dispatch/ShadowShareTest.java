package io.calm.serving.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.compare.ComparedModel;
import io.calm.compare.ComparisonOptions;
import io.calm.compare.LatencyReport;
import io.calm.compare.TwinComparison;
import io.calm.compare.TwinSource;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.kernels.JavaSearchKernels;
import io.calm.metrics.CalmMetrics;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.quant.Compute;
import io.calm.quant.rtn.RtnQuantizer;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import io.calm.serving.http.ModelStates;
import io.calm.serving.model.CheckpointParts;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.Schema;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import io.calm.testing.Repository;
import io.calm.testing.ScriptedModels;
import io.prometheus.client.CollectorRegistry;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A tiny model in two quantizations, one of which answers a share of the other's requests. */
class ShadowShareTest {
  private static final SchedulerSettings BUDGETS = new SchedulerSettings(256, 32, 8, 16, 256);
  private static final QuantizedModel SERVED = quantized(64);
  private static final QuantizedModel TWIN = quantized(32);

  private final ModelRegistry registry = new ModelRegistry();
  private final CalmMetrics metrics =
      new CalmMetrics(new CollectorRegistry(), () -> ModelStates.of(registry));
  private final TextService text = new TextService(metrics, InstantSource.system());
  private final AtomicReference<Scheduler> twinScheduler = new AtomicReference<>();
  private final AtomicReference<FaultyDecoder> twinDecoder = new AtomicReference<>();

  @AfterEach
  void close() throws InterruptedException {
    registry.remove("m");
    registry.awaitUnloaded();
  }

  private static QuantizedModel quantized(int group) {
    try (Checkpoint checkpoint = Checkpoints.open(Repository.path("models/calm-tiny-llama"));
        Parallel parallel = new Parallel(1)) {
      ModelSpec spec = checkpoint.spec();
      List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
      Compute compute = new Compute(parallel, new JavaSearchKernels());
      for (int layer = 0; layer < spec.layers(); layer++) {
        blocks.add(RtnQuantizer.quantize(checkpoint.block(layer), group, compute));
      }
      TokenTable table =
          TokenTableBuilder.int8(spec.vocabulary(), spec.hidden(), 64, ByteBuffer::allocateDirect)
              .add(checkpoint.embeddingRows(0, spec.vocabulary()))
              .build();
      return new QuantizedModel(
          spec, blocks, table, table, checkpoint.finalNorm(), ActivationMode.PER_GROUP);
    }
  }

  private static Decoder decoder(QuantizedModel model) {
    return Decoders.open(
        model, new Decoders.Settings(Decoders.AUTO, KvType.FLOAT16, 1), BUDGETS.blocks());
  }

  /** A decoder that dies, and its scheduler with it, where it is told to. */
  private static final class FaultyDecoder implements Decoder {
    private final Decoder real;
    volatile boolean dead;
    volatile boolean closed;

    FaultyDecoder(Decoder real) {
      this.real = real;
    }

    @Override
    public ModelSpec spec() {
      return real.spec();
    }

    @Override
    public int blocks() {
      return real.blocks();
    }

    @Override
    public List<List<Logits>> step(List<Chunk> chunks) {
      if (dead) {
        Thread.currentThread().interrupt(); // ends the loop, as in ScriptedDecoder
        throw new IllegalStateException("the twin's decoder died");
      }
      return real.step(chunks);
    }

    @Override
    public void close() {
      closed = true;
      real.close();
    }
  }

  private final TwinSource baseline =
      new TwinSource() {
        @Override
        public LatencyReport.Twin describe() {
          return new LatencyReport.Twin(
              "auto", "uniform-rtn", false, LatencyReport.TwinState.READY, "the test's");
        }

        @Override
        public Stored make(BooleanSupplier cancelled) {
          return new Stored() {
            @Override
            public Scheduler schedule(double share, Runnable pause) {
              FaultyDecoder decoder = new FaultyDecoder(decoder(TWIN));
              twinDecoder.set(decoder);
              Scheduler scheduler = Scheduler.start("twin", decoder, BUDGETS, System::nanoTime);
              twinScheduler.set(scheduler);
              return scheduler;
            }

            @Override
            public void close() {
              // nothing is open
            }
          };
        }

        @Override
        public Plans read() {
          throw new IllegalStateException("no probe in this test");
        }
      };

  private ServedModel model(QuantizedModel weights, Optional<TwinSource> twin, double share) {
    Checkpoint checkpoint = Checkpoints.open(Repository.path("models/calm-tiny-llama"));
    var tokenizer = checkpoint.tokenizer();
    Scheduler scheduler = Scheduler.start("m", decoder(weights), BUDGETS, System::nanoTime);
    TwinComparison comparison =
        twin.map(
                given ->
                    TwinComparison.prepare(
                            new ComparedModel("m", "calm", "id", Optional.empty(), 1, ""),
                            ComparisonOptions.serving(false, share),
                            given,
                            given::describe,
                            Optional.empty())
                        .begin(() -> TwinComparison.isBusy(scheduler)))
            .orElseGet(TwinComparison::none);
    return new ServedModel(
        ScriptedModels.source("m", checkpoint.spec()),
        new CheckpointParts(
            checkpoint.spec(),
            tokenizer,
            Optional.empty(),
            checkpoint.generationDefaults().resolved(tokenizer)),
        scheduler,
        ServedModel.Limits.DEFAULT,
        LmiOptions.DEFAULT,
        Instant.EPOCH,
        comparison);
  }

  private ServedModel withTwin(double share) throws InterruptedException {
    ServedModel model = model(SERVED, Optional.of(baseline), share);
    registry.ready(model);
    long start = System.nanoTime();
    while (model.comparison().shadow().twin().isEmpty()) {
      assertTrue(System.nanoTime() - start < Duration.ofSeconds(60).toNanos());
      Thread.sleep(5);
    }
    return model;
  }

  private static JsonObject body(int number, boolean streamed) {
    return JsonParser.parseString(
            ("{\"prompt\": \"The kernel of request %d is\", \"max_tokens\": 24, \"temperature\": 0.9,"
                    + " \"seed\": %d, \"logprobs\": 2, \"stream\": %s}")
                .formatted(number, number, streamed))
        .getAsJsonObject();
  }

  private CollectedReply ask(ServedModel model, int number, boolean streamed) {
    return CollectedReply.of(text, model, Schema.COMPLETIONS, body(number, streamed));
  }

  private static String choice(CollectedReply reply) {
    return reply.json().getAsJsonObject().getAsJsonArray("choices").get(0).toString();
  }

  private Map<Integer, String> plain(QuantizedModel weights, int requests) {
    Map<Integer, String> answers = new HashMap<>();
    TextService alone =
        new TextService(new CalmMetrics(new CollectorRegistry(), List::of), InstantSource.system());
    try (ServedModel model = model(weights, Optional.empty(), 0)) {
      for (int number = 0; number < requests; number++) {
        JsonObject request = body(number, false);
        answers.put(number, choice(CollectedReply.of(alone, model, Schema.COMPLETIONS, request)));
      }
    }
    return answers;
  }

  @Test
  void eachAnswerIsThatOfAPlainRunOfThePlanInItsHeader() throws Exception {
    int requests = 10;
    Map<Integer, String> served = plain(SERVED, requests);
    Map<Integer, String> uniform = plain(TWIN, requests);
    ServedModel model = withTwin(0.5);
    Map<String, Integer> count = new HashMap<>();
    for (int number = 0; number < requests; number++) {
      CollectedReply reply = ask(model, number, false);
      String variant = reply.headers().get("X-CALM-Variant");
      assertEquals(number % 2 == 0 ? "calm" : "uniform-rtn", variant);
      Map<Integer, String> plain = variant.equals("calm") ? served : uniform;
      assertEquals(plain.get(number), choice(reply));
      assertNotEquals(served.get(number), uniform.get(number));
      count.merge(variant, 1, Integer::sum);
    }
    assertEquals(Map.of("calm", 5, "uniform-rtn", 5), count);

    LatencyReport.Shadow shadow = model.latency().shadow();
    assertEquals(5, shadow.served().requests());
    assertEquals(5, shadow.uniform().requests());
    assertEquals(5, shadow.uniform().firstToken().count());
    assertEquals(5, shadow.uniform().tokensPerSecond().count());
    String scrape = metrics.text(CalmMetrics.contentType(""));
    for (String variant : List.of("calm", "uniform-rtn")) {
      String series =
          "calm_request_tokens_per_second_count{model=\"m\",variant=\"%s\",} 5.0"
              .formatted(variant);
      assertTrue(scrape.contains(series), series + " is missing in\n" + scrape);
    }
  }

  @Test
  void aStreamNamesItsPlanToo() throws Exception {
    ServedModel model = withTwin(0.5);
    assertEquals("calm", ask(model, 0, true).headers().get("X-CALM-Variant"));
    assertEquals("uniform-rtn", ask(model, 1, true).headers().get("X-CALM-Variant"));
  }

  @Test
  void aDeadTwinLeavesItsRequestsToTheModelAndSaysWhy() throws Exception {
    ServedModel model = withTwin(0.5);
    ask(model, 0, false);
    twinDecoder.get().dead = true;
    text.prepare(model, Schema.COMPLETIONS, body(1, false), "").start(new CollectedReply());
    assertTrue(twinScheduler.get().awaitClosed(Duration.ofSeconds(60)));
    for (int number = 2; number < 8; number++) {
      assertEquals("calm", ask(model, number, false).headers().get("X-CALM-Variant"));
    }
    assertEquals(LatencyReport.TwinState.FAILED, model.latency().twin().state());
    assertTrue(registry.status("m").orElseThrow().answers());
  }

  @Test
  void aRequestThatTheTwinRefusesIsTheModels() throws Exception {
    ServedModel model = withTwin(0.5);
    ask(model, 0, false);
    twinScheduler.get().drain();
    assertEquals("calm", ask(model, 1, false).headers().get("X-CALM-Variant"));
  }

  @Test
  void unloadingEndsBothPlansAfterTheirRequests() throws Exception {
    ServedModel model = withTwin(0.5);
    List<CollectedReply> replies = new ArrayList<>();
    for (int number = 0; number < 4; number++) {
      CollectedReply reply = new CollectedReply();
      text.prepare(model, Schema.COMPLETIONS, body(number, false), "").start(reply);
      replies.add(reply);
    }
    assertFalse(twinDecoder.get().closed);
    registry.remove("m");
    registry.awaitUnloaded();
    assertTrue(model.scheduler().ended());
    assertTrue(twinScheduler.get().ended());
    assertTrue(twinDecoder.get().closed);
    for (CollectedReply reply : replies) {
      reply.await();
    }
  }
}
