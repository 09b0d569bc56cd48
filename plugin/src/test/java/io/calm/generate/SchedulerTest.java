package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.runtime.Decoder;
import io.calm.testing.LogitRows;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SchedulerTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final SchedulerSettings SETTINGS = new SchedulerSettings(64, 4, 4, 8, 16);

  private final HashDecoder decoder = new HashDecoder(SETTINGS, new SplittableRandom(1), 0);
  private final AtomicLong clock = new AtomicLong();

  private static GenerationRequest request(int most, GenerationListener listener, int... prompt) {
    return new GenerationRequest(
        prompt,
        SamplingParameters.builder().maxNewTokens(most).build(),
        Set.of(),
        OptionalInt.empty(),
        new Letters(),
        listener);
  }

  @Test
  void answersFromManyThreadsAreTheOnesAlone() throws Exception {
    List<Recorder> recorders = new ArrayList<>();
    List<Thread> clients = new ArrayList<>();
    try (Scheduler scheduler =
        Scheduler.start("test", decoder, new SchedulerSettings(64, 4, 4, 99, 16), clock::get)) {
      for (int i = 0; i < 24; i++) {
        Recorder recorder = new Recorder();
        recorders.add(recorder);
        int[] prompt = {i % 24, i / 24, 3};
        clients.add(new Thread(() -> scheduler.submit(request(12, recorder, prompt))));
      }
      clients.forEach(Thread::start);
      for (int i = 0; i < 24; i++) {
        Finish finish = recorders.get(i).awaitFinish();
        NaiveGeneration alone =
            NaiveGeneration.of(request(12, recorders.get(i), i % 24, i / 24, 3));
        assertEquals(alone.tokens(), recorders.get(i).ids());
        assertEquals(alone.text(), finish.text());
      }
    }
  }

  @Test
  void aFullQueueTakesAllOrNone() throws Exception {
    GateListener gate = new GateListener();
    try (Scheduler scheduler = Scheduler.start("test", decoder, SETTINGS, clock::get)) {
      scheduler.submit(request(30, gate, 1));
      gate.awaitFirst();
      List<GenerationRequest> most = new ArrayList<>();
      List<Recorder> recorders = new ArrayList<>();
      for (int i = 0; i < 11; i++) {
        recorders.add(new Recorder());
        most.add(request(2, recorders.get(i), i));
      }
      scheduler.submit(most);
      RejectedException full =
          assertThrows(
              RejectedException.class, () -> scheduler.submit(request(2, new Recorder(), 1)));
      assertEquals(RejectedException.Reason.QUEUE_FULL, full.reason());
      assertEquals(
          "the queue is full: 1 running, 11 waiting, 12 allowed; try again later",
          full.getMessage());
      gate.open();
      for (Recorder recorder : recorders) {
        assertEquals(Finish.Reason.LENGTH, recorder.awaitFinish().reason());
      }
    }
  }

  @Test
  void closingEndsWhatRunsAndWaits() throws Exception {
    GateListener gate = new GateListener();
    Recorder waiting = new Recorder();
    Scheduler scheduler = Scheduler.start("test", decoder, SETTINGS, clock::get);
    scheduler.submit(request(30, gate, 1));
    gate.awaitFirst();
    scheduler.submit(request(30, waiting, 2));
    scheduler.close();
    gate.open();
    assertEquals(Finish.Reason.CANCELLED, gate.awaitFinish());
    assertEquals(Finish.Reason.CANCELLED, waiting.awaitFinish().reason());
    assertTrue(scheduler.awaitClosed(LONG));
    assertTrue(decoder.closed());
    RejectedException closed =
        assertThrows(
            RejectedException.class, () -> scheduler.submit(request(2, new Recorder(), 1)));
    assertEquals(RejectedException.Reason.CLOSED, closed.reason());
  }

  @Test
  void cancellingFreesTheSequenceBeforeTheNextStep() throws Exception {
    GateListener gate = new GateListener();
    try (Scheduler scheduler = Scheduler.start("test", decoder, SETTINGS, clock::get)) {
      Generation generation = scheduler.submit(request(30, gate, 1));
      gate.awaitFirst();
      int steps = decoder.steps();
      generation.cancel();
      gate.open();
      assertEquals(Finish.Reason.CANCELLED, gate.awaitFinish());
      assertEquals(steps, decoder.steps());
    }
  }

  @Test
  void aListenerThatThrowsEndsItsOwnGenerationAlone() throws Exception {
    Recorder good = new Recorder();
    List<Finish> ends = new ArrayList<>();
    GenerationListener bad =
        new GenerationListener() {
          @Override
          public void token(GeneratedToken token) {
            throw new IllegalStateException("no room for token " + token.index());
          }

          @Override
          public void finished(Finish finish) {
            ends.add(finish);
            throw new IllegalStateException("nor for the end");
          }
        };
    try (Scheduler scheduler = Scheduler.start("test", decoder, SETTINGS, clock::get)) {
      scheduler.submit(List.of(request(5, bad, 1), request(5, good, 2)));
      assertEquals(Finish.Reason.LENGTH, good.awaitFinish().reason());
    }
    assertEquals(1, ends.size());
    assertEquals(Finish.Reason.ERROR, ends.get(0).reason());
    assertEquals(Optional.of("no room for token 0"), ends.get(0).error());
  }

  @Test
  void whatCanNeverFitIsRefusedWithNumbers() {
    try (Scheduler scheduler =
        Scheduler.start("test", decoder, new SchedulerSettings(300, 4, 4, 8, 16), clock::get)) {
      RejectedException context =
          assertThrows(
              RejectedException.class,
              () -> scheduler.submit(request(298, new Recorder(), 1, 2, 3)));
      assertEquals(RejectedException.Reason.TOO_LONG, context.reason());
      assertTrue(
          context.getMessage().startsWith("the prompt has 3 tokens and max_new_tokens is 298"));
      RejectedException budget =
          assertThrows(
              RejectedException.class,
              () -> scheduler.submit(request(255, new Recorder(), 1, 2, 3)));
      assertTrue(budget.getMessage().contains("257 tokens, but the budget of this model is 256"));
      RejectedException overflow =
          assertThrows(
              RejectedException.class,
              () -> scheduler.submit(request(Integer.MAX_VALUE, new Recorder(), 1)));
      assertEquals(RejectedException.Reason.TOO_LONG, overflow.reason());
    }
  }

  @Test
  void tokensAreScoredWhereSomebodyWantsIt() {
    for (boolean wanted : new boolean[] {true, false}) {
      RequestQueue queue = new RequestQueue(SETTINGS);
      StepLoop loop = new StepLoop(decoder, SETTINGS, queue);
      Recorder recorder = new Recorder();
      GenerationRequest plain = request(1, recorder, 7);
      SamplingParameters parameters =
          plain.parameters().toBuilder().logprobs(wanted).topLogprobs(wanted ? 2 : 0).build();
      GenerationRequest request =
          new GenerationRequest(
              plain.prompt(), parameters, Set.of(), OptionalInt.empty(), new Letters(), recorder);
      queue.add(List.of(new Submission(request, clock::get, queue::signal)));
      loop.turn();
      GeneratedToken token = recorder.tokens().get(0);
      LogProbabilities expected =
          new LogProbabilities(LogitRows.of(HashDecoder.logits(List.of(7))));
      assertEquals(wanted ? expected.top(2) : List.of(), token.top());
      assertEquals(wanted ? expected.top(1).get(0).logprob() : Float.NaN, token.score().logprob());
    }
  }

  @Test
  void timesAreTheClocks() {
    RequestQueue queue = new RequestQueue(SETTINGS);
    StepLoop loop = new StepLoop(decoder, SETTINGS, queue);
    Recorder recorder = new Recorder();
    Submission submission = new Submission(request(2, recorder, 1), clock::get, queue::signal);
    queue.add(List.of(submission));
    clock.set(5_000);
    loop.turn();
    clock.set(7_000);
    loop.turn();
    Finish.Timing timing = recorder.finish().orElseThrow().timing();
    assertEquals(Duration.ofNanos(5_000), timing.queued());
    assertEquals(Optional.of(Duration.ofNanos(5_000)), timing.firstToken());
    assertEquals(Duration.ofNanos(7_000), timing.total());
    assertEquals(
        List.of(5_000L, 7_000L),
        recorder.tokens().stream().map(GeneratedToken::elapsedNanos).toList());
  }

  @Test
  void aPromptAloneIsScoredAndNothingGenerated() {
    RequestQueue queue = new RequestQueue(SETTINGS);
    StepLoop loop = new StepLoop(decoder, SETTINGS, queue);
    Recorder recorder = new Recorder();
    int[] prompt = new int[40];
    for (int i = 0; i < prompt.length; i++) {
      prompt[i] = i % 24;
    }
    GenerationRequest request =
        new GenerationRequest(
            prompt,
            SamplingParameters.builder().maxNewTokens(0).build(),
            Set.of(),
            OptionalInt.of(2),
            new Letters(),
            recorder);
    queue.add(List.of(new Submission(request, clock::get, queue::signal)));
    for (int i = 0; i < 10 && recorder.finish().isEmpty(); i++) {
      loop.turn();
    }
    assertEquals(List.of(), recorder.ids());
    assertEquals(40, recorder.promptScores().size());
    assertTrue(Float.isNaN(recorder.promptScores().get(0).logprob()));
    List<Integer> before = new ArrayList<>();
    for (int i = 1; i < prompt.length; i++) {
      before.add(prompt[i - 1]);
      LogProbabilities expected = new LogProbabilities(LogitRows.of(HashDecoder.logits(before)));
      assertEquals(expected.of(prompt[i]), recorder.promptScores().get(i));
    }
    assertFalse(recorder.finish().isEmpty());
  }

  private Submission submission(RequestQueue queue, GenerationRequest request) {
    Submission submission = new Submission(request, clock::get, queue::signal);
    queue.add(List.of(submission));
    return submission;
  }

  private static int[] tokens(int count) {
    return IntStream.range(0, count).map(i -> i * i % HashDecoder.VOCABULARY).toArray();
  }

  @Test
  void aPromptThatBeginsAlikeIsNotReadAgain() {
    SchedulerSettings settings = new SchedulerSettings(400, 16, 4, 8, 400);
    HashDecoder hash = new HashDecoder(settings, new SplittableRandom(1), 0);
    RequestQueue queue = new RequestQueue(settings);
    StepLoop loop = new StepLoop(hash, settings, queue);
    Recorder first = new Recorder();
    submission(queue, request(70, first, tokens(130)));
    while (first.finish().isEmpty()) {
      loop.turn();
    }
    assertEquals(0, loop.stats().sharedTokens());
    Recorder second = new Recorder();
    GenerationRequest again = request(2, second, tokens(130));
    submission(queue, again);
    loop.turn();
    assertEquals(128, loop.stats().sharedTokens());
    assertEquals(260, loop.stats().promptTokens());
    assertEquals(NaiveGeneration.of(again).tokens().subList(0, 1), second.ids());
    Recorder third = new Recorder(); // the whole prompt is cached, but for the token that is needed
    submission(queue, request(2, third, tokens(128)));
    loop.turn();
    assertEquals(128 + 64, loop.stats().sharedTokens());
    Recorder answer = new Recorder(); // what was generated is shared like what was read
    List<Integer> conversation = new ArrayList<>();
    IntStream.of(tokens(130)).forEach(conversation::add);
    conversation.addAll(first.ids());
    int[] longer = conversation.stream().mapToInt(Integer::intValue).toArray();
    submission(queue, request(2, answer, longer));
    loop.turn();
    assertEquals(128 + 64 + 192, loop.stats().sharedTokens());
    assertEquals(
        List.of(0, 128, 64, 192),
        Stream.of(first, second, third, answer).map(r -> r.cached().orElseThrow()).toList());
    assertEquals(List.of(), hash.violations());
  }

  @Test
  void whoCameLastGivesUpItsBlocksAndComesBack() {
    SchedulerSettings settings = new SchedulerSettings(256, 4, 4, 8, 400);
    HashDecoder hash = new HashDecoder(settings, new SplittableRandom(1), 0);
    RequestQueue queue = new RequestQueue(settings);
    StepLoop loop = new StepLoop(hash, settings, queue);
    List<Recorder> recorders = new ArrayList<>();
    List<GenerationRequest> requests = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      recorders.add(new Recorder());
      int[] prompt = tokens(100);
      prompt[0] = i;
      requests.add(request(100, recorders.get(i), prompt));
      submission(queue, requests.get(i));
    }
    while (recorders.get(0).finish().isEmpty()) {
      loop.turn();
    }
    assertEquals(1, loop.stats().preemptions());
    assertEquals(1, loop.stats().waiting());
    while (loop.turn()) {
      assertTrue(loop.stats().usedBlocks() <= 4);
    }
    for (int i = 0; i < 2; i++) {
      assertEquals(NaiveGeneration.of(requests.get(i)).tokens(), recorders.get(i).ids());
      assertEquals(OptionalInt.of(0), recorders.get(i).cached(), "as it was the first time");
    }
    assertEquals(0, loop.stats().usedBlocks());
    assertEquals(List.of(), hash.violations());
  }

  /** A loop whose decoder has memory for fewer blocks than the budget says. */
  private final class Scarce {
    final HashDecoder hash;
    final RequestQueue queue;
    final StepLoop loop;
    final List<Recorder> recorders = new ArrayList<>();
    final List<GenerationRequest> requests = new ArrayList<>();

    Scarce(int budget, int memory) {
      SchedulerSettings settings = new SchedulerSettings(1000, budget, 4, 8, 1000);
      hash = new HashDecoder(settings, new SplittableRandom(1), 0);
      hash.memoryFor(memory);
      queue = new RequestQueue(settings);
      loop = new StepLoop(hash, settings, queue);
    }

    Recorder submit(int maxNewTokens, int[] prompt) {
      Recorder recorder = new Recorder();
      recorders.add(recorder);
      requests.add(request(maxNewTokens, recorder, prompt));
      submission(queue, requests.get(requests.size() - 1));
      return recorder;
    }

    Finish finish(Recorder recorder) {
      while (recorder.finish().isEmpty()) {
        assertTrue(loop.turn(), "nothing to do, and somebody waits");
      }
      return recorder.finish().orElseThrow();
    }

    /** Lets all end, each as it would alone. */
    void allGoWell() {
      for (int i = 0; i < recorders.size(); i++) {
        assertEquals(Finish.Reason.LENGTH, finish(recorders.get(i)).reason(), "request " + i);
        assertEquals(NaiveGeneration.of(requests.get(i)).tokens(), recorders.get(i).ids());
      }
      assertFalse(loop.turn());
      assertEquals(0, loop.stats().usedBlocks());
      assertEquals(List.of(), hash.violations());
    }
  }

  @Test
  void aBlockWithoutMemoryIsTakenOfTheCacheInstead() {
    Scarce scarce = new Scarce(100, 5);
    scarce.submit(1, beginning(1, 300));
    scarce.allGoWell();
    assertEquals(4, scarce.loop.stats().cachedBlocks());
    for (int i = 2; i <= 4; i++) { // together in the step for which there is no memory
      scarce.submit(20, beginning(i, 20));
    }
    scarce.allGoWell();
    assertEquals(1, scarce.hash.stepsWithoutMemory());
    assertEquals(2, scarce.loop.stats().cachedBlocks(), "no more than were needed");
    assertEquals(0, scarce.loop.stats().preemptions());
  }

  @Test
  void theFirstGoesOnWhereThereIsNoMemoryForAllAndTheLastGivesWay() {
    Scarce scarce = new Scarce(12, 3);
    scarce.submit(100, beginning(1, 60));
    scarce.submit(100, beginning(2, 30));
    scarce.submit(100, beginning(3, 30));
    for (int turn = 0; turn < 20; turn++) {
      scarce.loop.turn();
    }
    assertEquals(1, scarce.hash.stepsWithoutMemory());
    assertEquals(1, scarce.loop.stats().preemptions());
    assertEquals(
        List.of(19, 19, 5), scarce.recorders.stream().map(one -> one.ids().size()).toList());
    scarce.allGoWell();
    assertEquals(1, scarce.hash.stepsWithoutMemory());
  }

  @Test
  void whoArrivesWaitsForMemoryAsForBlocks() {
    Scarce scarce = new Scarce(12, 2);
    scarce.submit(20, beginning(1, 100));
    for (int i = 2; i <= 8; i++) {
      scarce.loop.turn();
      scarce.submit(5, beginning(i, 10));
    }
    assertEquals(6, scarce.queue.waiting(), "one was let in before anybody knew");
    scarce.allGoWell();
    assertEquals(1, scarce.hash.stepsWithoutMemory());
  }

  @Test
  void whatLackedMemoryIsTriedAgainNowAndThenAndCostsOneStepEachTime() {
    Scarce scarce = new Scarce(12, 3);
    scarce.submit(1, beginning(1, 70));
    scarce.submit(1, beginning(2, 70));
    scarce.allGoWell();
    assertEquals(2, scarce.loop.stats().cachedBlocks());
    int most = 2 * StepLoop.STEPS_TO_RETRY + 9;
    for (int i = 0; scarce.hash.steps() < most; i++) { // more than fit, again and again
      scarce.submit(20, beginning(3, 100 + i % 10));
      scarce.submit(20, beginning(4, 100));
      scarce.allGoWell();
    }
    assertEquals(3, scarce.hash.stepsWithoutMemory());
    scarce.hash.memoryFor(12);
    scarce.submit(20, beginning(3, 100));
    for (int i = 0; scarce.loop.stats().cachedBlocks() < 6; i++) {
      assertTrue(scarce.hash.steps() < most + 2 * StepLoop.STEPS_TO_RETRY);
      scarce.submit(20, beginning(i % 24, 100 + i / 24));
      scarce.allGoWell();
    }
    assertEquals(3, scarce.hash.stepsWithoutMemory());
  }

  @Test
  void whoNeedsMoreThanThereIsMemoryForEndsAlone() {
    Scarce scarce = new Scarce(12, 3);
    Recorder large = scarce.submit(100, beginning(1, 150));
    Recorder small = scarce.submit(20, beginning(2, 10));
    Finish failed = scarce.finish(large);
    assertEquals(Finish.Reason.ERROR, failed.reason());
    assertEquals(Optional.of("no memory for one more block"), failed.error());
    assertEquals(3 * Decoder.BLOCK_TOKENS + 1, 150 + large.ids().size());
    assertEquals(Finish.Reason.LENGTH, scarce.finish(small).reason());
    assertEquals(Finish.Reason.ERROR, scarce.finish(scarce.submit(1, beginning(3, 200))).reason());
    scarce.hash.memoryFor(12);
    Recorder back = scarce.submit(100, beginning(1, 150));
    assertEquals(Finish.Reason.LENGTH, scarce.finish(back).reason());
    assertEquals(0, scarce.loop.stats().usedBlocks());
    assertEquals(List.of(), scarce.hash.violations());
  }

  @Test
  void aRequestThatWaitsForBlocksDoesNotUseTheCacheMeanwhile() {
    SchedulerSettings settings = new SchedulerSettings(400, 6, 4, 8, 400);
    HashDecoder hash = new HashDecoder(settings, new SplittableRandom(1), 0);
    RequestQueue queue = new RequestQueue(settings);
    StepLoop loop = new StepLoop(hash, settings, queue);
    for (int first = 1; first <= 2; first++) { // a block each for the cache
      submission(queue, request(1, new Recorder(), beginning(first, 65)));
      loop.turn();
    }
    assertEquals(2, loop.stats().cachedBlocks());
    submission(queue, request(40, new Recorder(), beginning(3, 130)));
    Submission waiting = submission(queue, request(1, new Recorder(), beginning(1, 300)));
    for (int turn = 0; turn < 20; turn++) {
      loop.turn();
    }
    assertEquals(1, queue.waiting());
    assertEquals(2, loop.stats().cachedBlocks());
    waiting.cancel();
    submission(queue, request(1, new Recorder(), beginning(4, 100))); // the cache gives one
    loop.turn();
    assertEquals(0, loop.stats().sharedTokens());
    submission(queue, request(1, new Recorder(), beginning(2, 65)));
    loop.turn();
    assertEquals(64, loop.stats().sharedTokens(), "it was used last");
  }

  private static int[] beginning(int first, int count) {
    int[] tokens = tokens(count);
    tokens[0] = first;
    return tokens;
  }

  @Test
  void aPausedGenerationMakesNoTokensAndDoesNotHoldUpOthers() {
    SchedulerSettings settings = new SchedulerSettings(256, 4, 1, 8, 400);
    HashDecoder hash = new HashDecoder(settings, new SplittableRandom(1), 0);
    RequestQueue queue = new RequestQueue(settings);
    StepLoop loop = new StepLoop(hash, settings, queue);
    Recorder slow = new Recorder();
    GenerationRequest request = request(40, slow, tokens(200));
    Submission paused = submission(queue, request);
    loop.turn();
    paused.pause();
    assertFalse(loop.turn());
    assertEquals(1, slow.ids().size());
    Recorder other = new Recorder(); // needs its blocks, and the only place
    submission(queue, request(100, other, 1, 2, 3));
    while (other.finish().isEmpty()) {
      assertTrue(loop.turn());
    }
    assertEquals(1, slow.ids().size());
    paused.resume();
    while (slow.finish().isEmpty()) {
      assertTrue(loop.turn());
    }
    assertEquals(NaiveGeneration.of(request).tokens(), slow.ids());
  }

  @Test
  void aResumedGenerationWakesTheLoop() throws Exception {
    GateListener gate = new GateListener();
    try (Scheduler scheduler = Scheduler.start("test", decoder, SETTINGS, clock::get)) {
      Generation generation = scheduler.submit(request(30, gate, 1));
      gate.awaitFirst();
      generation.pause();
      gate.open();
      while (scheduler.stats().steps() == 0) {
        Thread.onSpinWait();
      }
      generation.resume();
      assertEquals(Finish.Reason.LENGTH, gate.awaitFinish());
    }
  }

  @Test
  void aDeadlineEndsWhatWaitsAndWhatRuns() {
    SchedulerSettings settings = new SchedulerSettings(64, 4, 1, 8, 16);
    HashDecoder hash = new HashDecoder(settings, new SplittableRandom(1), 0);
    RequestQueue queue = new RequestQueue(settings);
    StepLoop loop = new StepLoop(hash, settings, queue);
    Recorder running = new Recorder();
    Recorder waiting = new Recorder();
    for (Recorder recorder : List.of(running, waiting)) {
      GenerationRequest plain = request(60, recorder, 1);
      submission(
          queue,
          new GenerationRequest(
              plain.prompt(),
              plain.parameters(),
              Set.of(),
              OptionalInt.empty(),
              new Letters(),
              recorder,
              Optional.of(Duration.ofNanos(10_000))));
    }
    for (int turn = 0; turn < 5; turn++) {
      loop.turn();
    }
    assertEquals(OptionalLong.of(10_000), loop.nanosToDeadline());
    clock.set(9_999);
    loop.turn();
    assertEquals(Optional.empty(), running.finish());
    clock.set(10_000);
    assertFalse(loop.turn());
    Finish finish = running.finish().orElseThrow();
    assertEquals(Finish.Reason.DEADLINE, finish.reason());
    assertEquals(6, finish.usage().generatedTokens());
    assertEquals(running.text(), finish.text());
    assertEquals(Finish.Reason.DEADLINE, waiting.finish().orElseThrow().reason());
    assertEquals(0, loop.stats().usedBlocks());
  }

  @Test
  void drainingLetsEverythingEnd() throws Exception {
    GateListener gate = new GateListener();
    Recorder waiting = new Recorder();
    Scheduler scheduler = Scheduler.start("test", decoder, SETTINGS, clock::get);
    scheduler.submit(request(30, gate, 1));
    gate.awaitFirst();
    scheduler.submit(request(30, waiting, 2));
    scheduler.drain();
    assertEquals(
        RejectedException.Reason.CLOSED,
        assertThrows(RejectedException.class, () -> scheduler.submit(request(2, new Recorder(), 1)))
            .reason());
    assertFalse(scheduler.awaitClosed(Duration.ZERO));
    gate.open();
    assertEquals(Finish.Reason.LENGTH, gate.awaitFinish());
    assertEquals(Finish.Reason.LENGTH, waiting.awaitFinish().reason());
    assertTrue(scheduler.awaitClosed(LONG));
    assertTrue(decoder.closed());
    assertEquals(Optional.empty(), scheduler.failure());
  }

  @Test
  void anIdleSchedulerDrainsAtOnce() throws Exception {
    Scheduler scheduler = Scheduler.start("test", decoder, SETTINGS, clock::get);
    scheduler.drain();
    assertTrue(scheduler.awaitClosed(LONG));
  }

  @Test
  void aLoopThatDiesEndsItsRequestsAndSaysWhy() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    GateListener gate = new GateListener();
    Recorder waiting = new Recorder();
    Scheduler scheduler =
        Scheduler.start(
            "test",
            decoder,
            SETTINGS,
            () -> {
              if (Thread.currentThread().getName().equals("calm-test")
                  && calls.incrementAndGet() == 4) { // not in a listener or a step
                throw new IllegalStateException("the clock broke");
              }
              return 0;
            });
    scheduler.submit(request(30, gate, 1));
    gate.awaitFirst();
    scheduler.submit(deadline(request(30, waiting, 2)));
    gate.open();
    assertEquals(Finish.Reason.ERROR, gate.awaitFinish());
    Finish finish = waiting.awaitFinish();
    assertEquals(Finish.Reason.ERROR, finish.reason());
    assertEquals(Optional.of("the clock broke"), finish.error());
    assertTrue(scheduler.awaitClosed(LONG));
    assertTrue(decoder.closed());
    assertEquals("the clock broke", scheduler.failure().orElseThrow().getMessage());
    RejectedException refused =
        assertThrows(
            RejectedException.class, () -> scheduler.submit(request(2, new Recorder(), 1)));
    assertEquals(RejectedException.Reason.FAILED, refused.reason());
    assertTrue(refused.getMessage().contains("the clock broke"), refused.getMessage());
  }

  private static GenerationRequest deadline(GenerationRequest request) {
    return new GenerationRequest(
        request.prompt(),
        request.parameters(),
        request.endOfSequence(),
        request.promptScores(),
        request.text(),
        request.listener(),
        Optional.of(Duration.ofDays(1)));
  }
}
