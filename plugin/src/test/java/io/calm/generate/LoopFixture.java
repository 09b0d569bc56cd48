package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/** A step loop over a {@link HashDecoder} that a test drives turn by turn, and its requests. */
final class LoopFixture {
  final AtomicLong clock = new AtomicLong();
  final HashDecoder decoder;
  final RequestQueue queue;
  final StepLoop loop;
  final List<Recorder> recorders = new ArrayList<>();
  private final List<GenerationRequest> requests = new ArrayList<>();

  LoopFixture(SchedulerSettings settings) {
    decoder = new HashDecoder(settings, new SplittableRandom(1), 0);
    queue = new RequestQueue(settings);
    loop = new StepLoop(decoder, settings, queue, new StepCosts(clock::get));
  }

  /** Returns a loop whose decoder has memory for fewer blocks than the budget. */
  static LoopFixture withMemory(int budget, int memory) {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(1000, budget, 4, 8, 1000));
    fixture.decoder.memoryFor(memory);
    return fixture;
  }

  Submission submit(GenerationRequest request) {
    Submission submission = new Submission(request, clock::get, queue::signal);
    queue.add(List.of(submission));
    return submission;
  }

  Recorder submit(int maxNewTokens, int... prompt) {
    Submission unused = begin(maxNewTokens, prompt);
    return recorders.get(recorders.size() - 1);
  }

  /** Submits a request, and returns its client's side. */
  Submission begin(int maxNewTokens, int... prompt) {
    Recorder recorder = new Recorder();
    GenerationRequest request =
        RequestBuilder.prompt(prompt).maxNewTokens(maxNewTokens).build(recorder);
    recorders.add(recorder);
    requests.add(request);
    return submit(request);
  }

  /** Takes turns until the request ends. */
  Finish finish(Recorder recorder) {
    while (recorder.finish().isEmpty()) {
      assertTrue(loop.turn(), "the loop is idle, but a request has not ended");
    }
    return recorder.finish().orElseThrow();
  }

  /** Takes turns until every request ends, and requires the tokens that each has alone. */
  void finishAll() {
    for (int i = 0; i < recorders.size(); i++) {
      assertEquals(Finish.Reason.LENGTH, finish(recorders.get(i)).reason(), "request " + i);
      assertEquals(NaiveGeneration.of(requests.get(i)).tokens(), recorders.get(i).ids());
    }
    assertFalse(loop.turn());
    assertEquals(0, loop.stats().usedBlocks());
    assertEquals(List.of(), decoder.violations());
  }

  static int[] tokens(int count) {
    return IntStream.range(0, count).map(i -> i * i % HashDecoder.VOCABULARY).toArray();
  }

  /** Returns a prompt that shares no block with prompts that have another first token. */
  static int[] beginning(int first, int count) {
    int[] tokens = tokens(count);
    tokens[0] = first;
    return tokens;
  }
}
