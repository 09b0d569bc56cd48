package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.CheckpointException;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.Generation;
import io.calm.generate.GenerationListener;
import io.calm.generate.GenerationRequest;
import io.calm.generate.SamplingParameters;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.generate.SchedulerStats;
import io.calm.generate.TextDecoder;
import io.calm.generate.TokenScore;
import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.StepFailedException;
import io.calm.runtime.UnreadableWeightsException;
import io.calm.serving.model.ServedModel;
import io.calm.testing.ByteTokenizer;
import io.calm.testing.ScriptedDecoder;
import io.calm.testing.TinyLlama;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WarmUpTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final long MILLISECOND = 1_000_000;
  private static final SchedulerSettings BUDGETS = new SchedulerSettings(1024, 64, 32, 100, 256);

  @TempDir Path cache;

  /** A decoder that records its steps, each of which takes a known time on a fake clock. */
  private static final class Recorded implements Decoder {
    private final ScriptedDecoder script = new ScriptedDecoder(1024);
    private final AtomicLong clock = new AtomicLong();
    private final ToLongFunction<List<Chunk>> nanos;

    /** Sizes of the steps: number of chunks x tokens of the first one. */
    private final List<String> steps = new ArrayList<>();

    private int largestBlock = -1;
    private int failsFrom = Integer.MAX_VALUE;
    private RuntimeException failure = new IllegalStateException("the decoder died");
    private boolean closed;

    Recorded(ToLongFunction<List<Chunk>> nanos) {
      this.nanos = nanos;
    }

    @Override
    public ModelSpec spec() {
      return script.spec();
    }

    @Override
    public int blocks() {
      return script.blocks();
    }

    @Override
    public synchronized List<List<Logits>> step(List<Chunk> chunks) {
      steps.add(chunks.size() + "x" + chunks.get(0).tokens().length);
      for (Chunk chunk : chunks) {
        for (int block : chunk.blocks()) {
          largestBlock = Math.max(largestBlock, block);
        }
      }
      clock.addAndGet(nanos.applyAsLong(chunks));
      if (steps.size() >= failsFrom) {
        throw failure;
      }
      return script.step(chunks);
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  private static List<String> warmUp(Recorded decoder, SchedulerSettings budgets) {
    return warmUp(decoder, budgets, Optional.empty());
  }

  private static List<String> warmUp(
      Recorded decoder, SchedulerSettings budgets, Optional<ChatTemplate> template) {
    return warmUp(decoder, budgets, template, (scheduler, limit) -> {});
  }

  private static List<String> warmUp(
      Recorded decoder,
      SchedulerSettings budgets,
      Optional<ChatTemplate> template,
      BiConsumer<Scheduler, Duration> rehearsal) {
    assertTimeoutPreemptively(
        PATIENCE,
        () ->
            WarmUp.run(
                "m",
                decoder,
                budgets,
                new ByteTokenizer(),
                template,
                rehearsal,
                decoder.clock::get));
    assertFalse(decoder.closed, "the model's scheduler closes the decoder");
    return decoder.steps;
  }

  private static long rows(List<Decoder.Chunk> chunks) {
    return chunks.stream().mapToInt(chunk -> chunk.tokens().length).sum();
  }

  /** Returns the steps of a warm-up whose request has 16 tokens and an answer. */
  private static List<String> withRequest(String... steps) {
    List<String> expected = new ArrayList<>(List.of("1x1", "1x1", "1x16"));
    for (int i = 1; i < WarmUp.ANSWER; i++) {
      expected.add("1x1");
    }
    expected.addAll(List.of(steps));
    return expected;
  }

  @Test
  void aRequestIsRunAndThenAllSizesOfServing() {
    Recorded decoder = new Recorded(chunks -> MILLISECOND);
    assertEquals(
        withRequest("2x1", "4x1", "8x1", "16x1", "32x1", "1x256"), warmUp(decoder, BUDGETS));
    assertEquals(31, decoder.largestBlock);
  }

  @Test
  void aStepHasNoMoreSequencesAndBlocksThanTheBudgets() {
    Recorded few = new Recorded(chunks -> MILLISECOND);
    assertEquals(
        withRequest("2x1", "4x1", "1x256"),
        warmUp(few, new SchedulerSettings(1024, 64, 5, 100, 256)));

    Recorded small = new Recorded(chunks -> MILLISECOND);
    assertEquals(
        withRequest("2x1", "1x192"), warmUp(small, new SchedulerSettings(1024, 3, 32, 100, 256)));
    assertEquals(2, small.largestBlock);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 10})
  void aSmallContextIsNotExceeded(int context) {
    Recorded decoder = new Recorded(chunks -> MILLISECOND);
    List<String> steps = warmUp(decoder, new SchedulerSettings(context, 1, 1, 1, 256));
    assertEquals(List.of("1x1", "1x1"), steps.subList(0, 2));
    assertEquals("1x" + context, steps.get(steps.size() - 1));
  }

  @Test
  void aStepThatWouldExceedTheTimeLimitIsSkipped() {
    Recorded decoder = new Recorded(chunks -> 50 * MILLISECOND * rows(chunks));
    // 100 ms for one row twice, 1150 for the request, then 100, 200, 400: the next one takes 800.
    assertEquals(withRequest("2x1", "4x1", "8x1"), warmUp(decoder, BUDGETS));
    assertTrue(decoder.clock.get() <= WarmUp.LIMIT.toNanos());
  }

  @Test
  void onlyTheFirstStepMayTakeLongerThanTheLimit() {
    Recorded decoder = new Recorded(chunks -> 60_000 * MILLISECOND);
    assertEquals(List.of("1x1"), warmUp(decoder, BUDGETS));
  }

  @Test
  void aSlowFirstStepDoesNotCountForThePrediction() {
    AtomicInteger count = new AtomicInteger();
    Recorded decoder =
        new Recorded(chunks -> (count.incrementAndGet() == 1 ? 900 : 1) * MILLISECOND);
    assertEquals(8 + WarmUp.ANSWER, warmUp(decoder, BUDGETS).size());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 12, 16})
  void aFailureEndsTheWarmUpAndNothingElse(int step) {
    // step 4 is one of the request, steps 1, 12 and 16 are not
    Recorded decoder = new Recorded(chunks -> MILLISECOND);
    decoder.failsFrom = step;
    assertEquals(step, warmUp(decoder, BUDGETS).size());

    Recorded unreadable = new Recorded(chunks -> MILLISECOND);
    unreadable.failsFrom = step;
    unreadable.failure = new UnreadableWeightsException("the file has shrunk");
    assertEquals(step, warmUp(unreadable, BUDGETS).size());
  }

  @Test
  void aFirstStepThatIsNotFiniteFailsTheLoad() {
    Recorded damaged = new Recorded(chunks -> MILLISECOND);
    damaged.failsFrom = 1;
    damaged.failure = new StepFailedException("logits: NaN", Set.of(0));
    CheckpointException refused =
        assertThrows(
            CheckpointException.class,
            () ->
                WarmUp.run(
                    "m",
                    damaged,
                    BUDGETS,
                    new ByteTokenizer(),
                    Optional.empty(),
                    (scheduler, limit) -> {},
                    damaged.clock::get));
    assertTrue(refused.getMessage().contains("logits: NaN"), refused::getMessage);

    Recorded later = new Recorded(chunks -> MILLISECOND);
    later.failsFrom = 2;
    later.failure = damaged.failure;
    assertEquals(2, warmUp(later, BUDGETS).size(), "another step only ends the warm-up");
  }

  @Test
  void theTemplateIsRenderedOnceAndMayFail() {
    AtomicInteger rendered = new AtomicInteger();
    ChatTemplate template =
        (messages, prompt) -> {
          rendered.incrementAndGet();
          return "Hi";
        };
    Recorded decoder = new Recorded(chunks -> MILLISECOND);
    assertEquals("1x2", warmUp(decoder, BUDGETS, Optional.of(template)).get(2), "the prompt");
    assertEquals(1, rendered.get());

    ChatTemplate refusing =
        (messages, prompt) -> {
          throw new IllegalArgumentException("a system message is required");
        };
    Recorded other = new Recorded(chunks -> MILLISECOND);
    assertEquals(8 + WarmUp.ANSWER, warmUp(other, BUDGETS, Optional.of(refusing)).size());
  }

  @Test
  void theRehearsalHasAShareOfTheTimeAndASchedulerThatEndsAfterIt() {
    AtomicReference<Scheduler> scheduler = new AtomicReference<>();
    AtomicReference<Duration> limit = new AtomicReference<>();
    Recorded decoder = new Recorded(chunks -> MILLISECOND);
    warmUp(
        decoder,
        BUDGETS,
        Optional.empty(),
        (started, rest) -> {
          assertFalse(started.ended());
          scheduler.set(started);
          limit.set(rest);
        });
    assertTrue(scheduler.get().ended());
    assertTrue(limit.get().compareTo(WarmUp.LIMIT) < 0, limit::toString);
    assertTrue(limit.get().compareTo(WarmUp.LIMIT.dividedBy(2)) > 0, limit::toString);
  }

  @Test
  void aSlowModelHasNoRehearsal() {
    AtomicBoolean called = new AtomicBoolean();
    Recorded decoder = new Recorded(chunks -> 400 * MILLISECOND);
    warmUp(decoder, BUDGETS, Optional.empty(), (started, rest) -> called.set(true));
    assertFalse(called.get());
  }

  @Test
  void aFailureOfTheRehearsalEndsItsSchedulerAndNothingElse() {
    for (Throwable failure :
        List.of(new IllegalStateException("refused"), new OutOfMemoryError("no thread"))) {
      AtomicReference<Scheduler> scheduler = new AtomicReference<>();
      Recorded decoder = new Recorded(chunks -> MILLISECOND);
      warmUp(
          decoder,
          BUDGETS,
          Optional.empty(),
          (started, rest) -> {
            scheduler.set(started);
            throw WarmUpTest.<RuntimeException>unchecked(failure);
          });
      assertTrue(scheduler.get().ended(), () -> "after " + failure);
    }
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <T extends Throwable> T unchecked(Throwable failure) throws T {
    throw (T) failure;
  }

  @Test
  void aLoadedModelHasNoStatisticsAndAnswersWithTheSameBits() throws Exception {
    try (ServedModel cold = load(false);
        ServedModel warm = load(true)) {
      int blocks = warm.scheduler().settings().blocks();
      assertEquals(
          new SchedulerStats(0, 0, 0, blocks, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
          warm.scheduler().stats());
      assertEquals(0, warm.scheduler().running());
      assertEquals(answer(cold), answer(warm));
    }
  }

  private ServedModel load(boolean warmUp) {
    return ModelLoader.load(
        TinyLlama.rounded(cache, Map.of("calm.warm-up", Boolean.toString(warmUp))), step -> {});
  }

  /** An answer with the log-probabilities of its tokens. */
  private static List<TokenScore> answer(ServedModel model) throws Exception {
    List<TokenScore> scores = new ArrayList<>();
    CompletableFuture<Finish.Reason> end = new CompletableFuture<>();
    GenerationListener listener =
        new GenerationListener() {
          @Override
          public void token(GeneratedToken token) {
            scores.add(token.score());
          }

          @Override
          public void finished(Finish finish) {
            end.complete(finish.reason());
          }
        };
    TextDecoder noText =
        new TextDecoder() {
          @Override
          public String add(int token) {
            return "";
          }

          @Override
          public String flush() {
            return "";
          }
        };
    Generation unused =
        model
            .scheduler()
            .submit(
                new GenerationRequest(
                    model.tokenizer().encode("the kernel", true),
                    SamplingParameters.builder().temperature(1).seed(7).maxNewTokens(100).build(),
                    Set.of(),
                    OptionalInt.empty(),
                    noText,
                    listener,
                    Optional.empty()));
    assertEquals(Finish.Reason.LENGTH, end.get(60, TimeUnit.SECONDS));
    assertEquals(100, scores.size());
    return scores;
  }
}
