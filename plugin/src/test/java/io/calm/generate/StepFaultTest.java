package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A fault in a step ends the sequences that caused it, and no others. */
class StepFaultTest {
  private static final SchedulerSettings SETTINGS = new SchedulerSettings(64, 32, 8, 8, 64);
  private static final int TOKENS = 20;

  private final AtomicLong clock = new AtomicLong();
  private final HashDecoder decoder = new HashDecoder(SETTINGS, new SplittableRandom(1), 0);

  private static GenerationRequest request(GenerationListener listener, int... prompt) {
    return RequestBuilder.prompt(prompt).maxNewTokens(TOKENS).build(listener);
  }

  @ParameterizedTest
  @CsvSource({
    HashDecoder.REFUSED + ", chunk 3: expected another token",
    HashDecoder.NOT_FINITE + ", block 3 down: NaN",
    HashDecoder.POISON + ", poison",
  })
  void aTokenThatFailsAStepEndsItsSequenceAlone(int token, String message) {
    List<Recorder> events = IntStream.range(0, 8).mapToObj(i -> new Recorder()).toList();
    RequestQueue queue = new RequestQueue(SETTINGS);
    StepLoop loop = new StepLoop(decoder, SETTINGS, queue, new StepCosts(() -> 0));
    List<Submission> submissions = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      int[] prompt = {i, i == 3 ? token : 5, 7};
      submissions.add(new Submission(request(events.get(i), prompt), clock::get, () -> {}));
    }
    queue.add(submissions);
    while (loop.turn()) {
      clock.incrementAndGet();
    }
    for (int i = 0; i < 8; i++) {
      Finish finish = events.get(i).finish().orElseThrow();
      if (i == 3) {
        assertEquals(Finish.Reason.ERROR, finish.reason());
        assertEquals(Optional.of(message), finish.error());
        assertEquals(0, finish.usage().generatedTokens());
      } else {
        NaiveGeneration alone = NaiveGeneration.of(request(events.get(i), i, 5, 7));
        assertEquals(Finish.Reason.LENGTH, finish.reason());
        assertEquals(alone.tokens(), events.get(i).ids());
      }
    }
    assertTrue(decoder.stepsFailed() <= 4, "found by halving: " + decoder.stepsFailed());
    assertEquals(0, loop.stats().usedBlocks());
    assertEquals(List.of(), decoder.violations());
  }

  @Test
  void severalFaultsInOneStepAreAllFound() {
    List<Recorder> events = IntStream.range(0, 8).mapToObj(i -> new Recorder()).toList();
    RequestQueue queue = new RequestQueue(SETTINGS);
    StepLoop loop = new StepLoop(decoder, SETTINGS, queue, new StepCosts(() -> 0));
    int[] bad = {
      5,
      HashDecoder.POISON,
      5,
      HashDecoder.NOT_FINITE,
      HashDecoder.POISON,
      HashDecoder.REFUSED,
      5,
      5
    };
    List<Submission> submissions = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      submissions.add(new Submission(request(events.get(i), i, bad[i]), clock::get, () -> {}));
    }
    queue.add(submissions);
    while (loop.turn()) {
      clock.incrementAndGet();
    }
    for (int i = 0; i < 8; i++) {
      Finish.Reason expected = bad[i] == 5 ? Finish.Reason.LENGTH : Finish.Reason.ERROR;
      assertEquals(expected, events.get(i).finish().orElseThrow().reason(), "request " + i);
    }
  }

  @Test
  void aFaultOfTheDecoderItselfEndsAllOfItsStep() {
    Recorder first = new Recorder();
    Recorder second = new Recorder();
    RequestQueue queue = new RequestQueue(SETTINGS);
    StepLoop loop = new StepLoop(new BrokenDecoder(), SETTINGS, queue, new StepCosts(() -> 0));
    queue.add(
        List.of(
            new Submission(request(first, 1), clock::get, () -> {}),
            new Submission(request(second, 2), clock::get, () -> {})));
    assertTrue(loop.turn());
    for (Recorder events : List.of(first, second)) {
      Finish finish = events.finish().orElseThrow();
      assertEquals(Finish.Reason.ERROR, finish.reason());
      assertEquals(Optional.of("the device is gone"), finish.error());
    }
    assertEquals(0, queue.started());
  }

  /** A decoder that fails every step. */
  private static final class BrokenDecoder implements Decoder {
    @Override
    public ModelSpec spec() {
      throw new UnsupportedOperationException("the scheduler has no need of it");
    }

    @Override
    public int blocks() {
      return SETTINGS.blocks();
    }

    @Override
    public List<List<Logits>> step(List<Chunk> chunks) {
      throw new IllegalStateException("the device is gone");
    }

    @Override
    public void close() {
      // nothing to free
    }
  }
}
